"""How fast the runtime is, beside its peers and the bound that latency sets, in one run."""
