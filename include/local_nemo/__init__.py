"""The embedded NeMo-compatible platform: the wire API of NeMo Microservices 25.x in one process, no GPU.

`python -m include.local_nemo` starts it; `include.local_nemo.testing.running_platform` starts it inside a
test.
"""
