package constraint

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/partition"
)

// Named is an ARN that a user writes.
type Named struct {
	Of     Resource
	ARN    string
	Region string // of the load balancer; empty = unknown
}

// Resource is a kind of resource that users name by ARN.
type Resource string

// Resources that users name by ARN.
const (
	WebACL           Resource = "web ACL"
	CertificateOfELB Resource = "certificate"
	UserTargetGroup  Resource = "target group"
	TrustStore       Resource = "trust store"
)

// Forms of ARNs. AWS has the Region of an ARN between its third and fourth colon.
const (
	account    = `[a-z0-9-]+:[0-9]+:`
	elbService = `^arn:[^:\s]+:elasticloadbalancing:` + account
)

var (
	webACLARN      = regexp.MustCompile(`^arn:[^:\s]+:wafv2:` + account + `regional/webacl/[^/\s,;]+/[^/\s,;]+$`)
	certificateARN = regexp.MustCompile(
		`^arn:aws[a-z-]*:(acm:[a-z0-9-]+:[0-9]{12}:certificate|iam::[0-9]{12}:server-certificate)/[^\s,;]+$`)
	targetGroupARN = regexp.MustCompile(elbService + `targetgroup/[^/\s,;]+/[^/\s,;]+$`)
	trustStoreARN  = regexp.MustCompile(elbService + `truststore/[^/\s,;]+/[^/\s,;]+$`)
)

// ARNs are the constraints on ARNs that users write.
var ARNs = []Row[Named]{
	{"scope of web ACL", func(n Named) string {
		if n.Of == WebACL && strings.Contains(n.ARN, ":global/webacl/") {
			return fmt.Sprintf("web ACL %q has the scope of CloudFront (global), and AWS associates only regional web ACLs "+
				"with load balancers", n.ARN)
		}
		return ""
	}},
	{"web ACL of WAF Classic", func(n Named) string {
		if n.Of == WebACL && (strings.Contains(n.ARN, ":waf-regional:") || strings.Contains(n.ARN, ":waf::")) {
			return fmt.Sprintf("web ACL %q is one of WAF Classic, which AWS has ended", n.ARN)
		}
		return ""
	}},
	{"ARN of web ACL", form(WebACL, webACLARN, "a WAFv2 web ACL")},
	{"ARN of certificate", form(CertificateOfELB, certificateARN, "a certificate")},
	{"ARN of target group", form(UserTargetGroup, targetGroupARN, "a target group")},
	{"ARN of trust store", form(TrustStore, trustStoreARN, "a trust store")},
	{regionRow, func(n Named) string {
		world, of := regionOf(n.ARN)
		switch {
		case n.Region == "":
		case of != "" && of != n.Region:
			return fmt.Sprintf("%s %s is in Region %s, and the load balancer is in %s", n.Of, n.ARN, of, n.Region)
		case world != "" && world != partition.Of(n.Region):
			return fmt.Sprintf("%s %s is in partition %s, and the load balancer is in %s", n.Of, n.ARN, world, n.Region)
		}
		return ""
	}},
}

// regionRow is the row that depends on where the load balancer is.
const regionRow = "Region of ARN"

func form(of Resource, pattern *regexp.Regexp, what string) func(Named) string {
	return func(n Named) string {
		if n.Of != of || pattern.MatchString(n.ARN) {
			return ""
		}
		return fmt.Sprintf("%.300q is not the ARN of %s", n.ARN, what)
	}
}

// regionOf is the partition and the Region in an ARN. A resource of IAM has no Region.
func regionOf(arn string) (world, region string) {
	if parts := strings.SplitN(arn, ":", 5); len(parts) == 5 {
		return parts[1], parts[3]
	}
	return "", ""
}

// OfARN returns why AWS refuses an ARN for sure; empty if it may admit it. elsewhere reports that only the Region is
// another one.
func OfARN(n Named) (problem string, elsewhere bool) {
	for _, row := range ARNs {
		if text := row.Problem(n); text != "" {
			return text, row.Name == regionRow
		}
	}
	return "", false
}
