"""People of the labelled sample, made up by hand: another list for each half."""

#: (given name, family name); many are in no list of names that the detection uses.
PEOPLE = {
    "development": [
        ("Yusuf", "Rossi"), ("Sofia", "Li"), ("Margaret", "Thornbury"), ("Daniel", "Okafor"), ("Priya", "Raman"),
        ("Lukas", "Steinmetz"), ("Camille", "Rousselot"), ("Diego", "Villaseñor"), ("Aoife", "Gallagher"), ("Tomasz", "Wrona"),
        ("Grace", "Park"), ("Will", "Turner"), ("April", "Summers"), ("Hannah", "Lindqvist"), ("Omar", "Haddad"),
        ("Mei", "Zhang"), ("Chidi", "Anagonye"), ("Isabella", "Conti"), ("Noah", "Brown"), ("Ethel", "Jones"),
    ],
    "held_out": [
        ("Ingrid", "Bergström"), ("Kwame", "Mensah"), ("Ravi", "Subramanian"), ("Eleanor", "Whitcombe"), ("Jamal", "Carter"),
        ("Zsófia", "Halmos"), ("Marcus", "Delacroix"), ("Nguyen", "Thanh"), ("Olivia", "Smith"), ("Fatima", "El-Sayed"),
        ("Pedro", "Albuquerque"), ("Siobhan", "O'Malley"), ("Greta", "Obermeier"), ("Mark", "Fields"), ("June", "Whitaker"),
        ("Haruto", "Nakamura"), ("Anika", "Chowdhury"), ("Thibault", "Marchand"), ("Ernesto", "Quintanilla"), ("Bridget", "Foley"),
        ("Xiulan", "Deng"), ("Tyrone", "Washington"), ("Lorenzo", "Bianchi"), ("Agnieszka", "Zielińska"), ("Robert", "Johnson"),
    ],
}
