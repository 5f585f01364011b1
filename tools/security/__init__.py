"""Hold the Terraform against checkov, and the policies it plans against parliament, offline."""
