"""The attack as a test: hostile messages and files, and what is promised whatever they hold.

The targets are functions of bytes, each with its promise, its inputs, and its bound on memory and
work for each byte (`tests.fuzz.targets`). Unit tests try a few inputs of each, and the corpus;
``make fuzz`` tries many, with Hypothesis and Atheris side by side (`tests.fuzz.campaign`).
"""
