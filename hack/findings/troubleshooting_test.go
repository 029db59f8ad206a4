package findings

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTroubleshootingQuotesTheTextsOfTheController compares texts of the page with the code that writes them. Where the
// code puts values into a text, the page has an ellipsis.
func TestTroubleshootingQuotesTheTextsOfTheController(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	page := read("docs/troubleshooting.md")
	for _, tc := range []struct{ text, file string }{
		{"kubernetes cluster name must be specified: set --cluster-name", "internal/controller/config/config.go"},
		{"unknown feature: …", "internal/controller/config/gates.go"},
		{"AWS Global Accelerator does not exist in the partition of region ", "internal/controller/config/config.go"},
		{"the API server does not serve ", "internal/controller/start.go"},
		{": what needs them waits, everything else works", "internal/controller/start.go"},
		{"unable to resolve at least one subnet for the … load balancer. Evaluated … subnets: …",
			"internal/model/facts/discovery.go"},
		{"allow the controller's role the action ", "internal/aws/awsclient/problem.go"},
		{"nothing to do: the controller slows down and continues", "internal/aws/awsclient/problem.go"},
		{"WebIdentityErr", "internal/aws/awsclient/credentials.go"},
		{"no certificate found for host: ", "internal/compile/certificates/find.go"},
		{"nothing of the group is built or changed until … is corrected, ", "internal/controller/stacks/planannotation.go"},
		{"Service …/… does not exist", "internal/targets/bindings/endpoints.go"},
		{"Service … has no port …", "internal/targets/registrar/endpoints.go"},
		{"pods wait for their readiness gates: ", "internal/controller/targethealth/gatelook.go"},
		{"deletion protection, declared by ", "internal/plan/policy/policy.go"},
		{", keeps load balancer ", "internal/plan/policy/policy.go"},
		{"failed to introspect region from EC2Metadata", "internal/aws/awsclient/discover.go"},
		{"failed to get VPC ID", "internal/aws/awsclient/discover.go"},
		{"no VPC exists with tags", "internal/aws/awsclient/discover.go"},
		{"multiple VPCs exist with tags", "internal/aws/awsclient/discover.go"},
		{"no credentials for AWS: ", "internal/aws/awsclient/problem.go"},
		{"the name … cannot be resolved", "internal/aws/awsclient/network.go"},
		{"… does not answer in time", "internal/aws/awsclient/network.go"},
		{"… refuses connections", "internal/aws/awsclient/network.go"},
		{"cannot renew or publish the certificate of the webhooks", "internal/controller/webhook/renewer.go"},
		{"no LoadBalancer objects are written", "internal/controller/lbstatus/flush.go"},
		{"security groups have the tag …, and exactly one should", "internal/targets/sgsync/choose.go"},
		{"TargetGroup … is already bound to TargetGroupBinding ", "internal/targets/bindings/conflict.go"},
		{"\"…\" (…) is a duplicate: ", "internal/plan/diff/duplicate.go"},
		{"…: … has no effect, because ", "internal/compile/merge/merge.go"},
		{"the controller does not delete load balancer … yet: …, and more load balancers than usual ",
			"internal/controller/stacks/plan.go"},
	} {
		if !strings.Contains(page, tc.text) {
			t.Errorf("docs/troubleshooting.md does not tell of %q", tc.text)
		}
		whole := regexp.MustCompile(`"\s*\+\s+"`).ReplaceAllString(read(tc.file), "") // strings of several lines
		source := strings.NewReplacer("%s of %s", "%s", "%d", "%s", "%q", `"%s"`).Replace(whole)
		if !strings.Contains(source, strings.ReplaceAll(tc.text, "…", "%s")) {
			t.Errorf("%s does not say %q", tc.file, tc.text)
		}
	}
}
