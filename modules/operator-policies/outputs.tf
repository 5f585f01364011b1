output "changing" {
  description = "Policy document for redrive, discard, replay, pause and resume; attach it in addition to `reading`."
  value       = local.documents.changing
}

output "reading" {
  description = "Policy document for status, trace, failures, and redrive, discard and replay with --dry-run."
  value       = local.documents.reading
}
