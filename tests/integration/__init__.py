"""The pipeline applied by Terraform in LocalStack and driven with real files."""
