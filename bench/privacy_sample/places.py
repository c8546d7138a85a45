"""Places of the labelled sample, by country; another list for each half."""

CITIES = {
    "development": {
        "us": ["Philadelphia", "San Antonio", "Denver", "Fort Worth"],
        "gb": ["Leeds", "Bristol"],
        "de": ["Köln", "Bad Homburg"],
        "fr": ["Lyon", "Nantes"],
        "es": ["Sevilla", "Bilbao"],
        "it": ["Torino", "Bologna"],
    },
    "held_out": {
        "us": ["Columbus", "Santa Fe", "Seattle", "Baton Rouge"],
        "gb": ["Sheffield", "Milton Keynes"],
        "de": ["Freiburg", "Leipzig"],
        "fr": ["Toulouse", "Saint-Étienne"],
        "es": ["Zaragoza", "Las Palmas"],
        "it": ["Verona", "Reggio Emilia"],
    },
}

#: `#` becomes a house number.
STREETS = {
    "development": {
        "us": [
            "# Broadway",
            "# Elm Street",
            "# Park Avenue",
            "# N Cedar Ln",
            "# Sunset Drive",
            "# 42nd Street",
        ],
        "gb": ["# High Street", "# Abbey Road"],
        "de": ["Hauptstraße #", "Goethestr. #", "Am Markt #"],
        "fr": ["# rue de la Paix", "# avenue Victor Hugo"],
        "es": ["Calle Mayor #"],
        "it": ["Via Roma #"],
    },
    "held_out": {
        "us": [
            "# Laurel Blvd",
            "# Willow Creek Road",
            "# W 118th St",
            "# Martin Luther King Jr. Way",
            "# Oak Hill Ct",
            "# Highland Terrace",
            "# Main St.",
        ],
        "gb": ["# Kingsley Crescent", "Flat 3, # Station Approach", "# St Mary's Close"],
        "de": ["Lindenallee #", "Karl-Marx-Straße #", "Kirchweg #a", "An der Alten Mühle #"],
        "fr": ["# bis boulevard Saint-Michel", "# impasse des Lilas", "# chemin du Moulin"],
        "es": ["Avenida de la Constitución #", "C/ Alcalá #"],
        "it": ["Corso Vittorio Emanuele #", "Piazza Garibaldi #"],
    },
}
