"""The Terraform modules' tests: contracts, guardrails, and the examples in their READMEs."""
