package annotation

import "github.com/k8s-lbc/lbc/internal/diag"

// dryRunEntries show what would be done before it is done.
func dryRunEntries() []Entry {
	return []Entry{
		{Key: DryRun, Syntax: Bool, Scope: OnIngress, Costs: diag.LoadBalancer, Default: "false", Built: true, Example: "true",
			Doc: "Whether the Ingress is only planned: nothing of it is deployed, its stack is written to dry-run-plan, and an event counts what would be done. One that was deployed before stays as it is."},
		{Key: DryRunPlan, Syntax: JSON, Scope: Written, Costs: diag.LoadBalancer, Built: true, Example: "{}",
			Doc: "Stack of the Ingress under dry run; with gate IngressPlanAnnotation also that of every group, on its first member. Not read."},
		{Key: DryRunPlanGzip, Syntax: String, Scope: Written, Costs: diag.LoadBalancer, Built: true, Example: "H4sIAAAAAAAA/6quBQQAAP//Q7+mowIAAAA=",
			Doc: "The same, compressed with gzip and in base64, where it is too large for an annotation. Not read."},
	}
}
