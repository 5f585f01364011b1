"""Check the Terraform code with checkov, and the planned policies with parliament, offline."""
