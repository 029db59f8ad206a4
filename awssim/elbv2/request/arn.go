package request

import (
	"regexp"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
)

// Kind is a kind of resource that has an ARN.
type Kind struct {
	noun      string // as messages call it
	parameter string
	path      *regexp.Regexp // of the ARN's last part
	Code      string         // when it is well-formed and unknown
	message   string         // %s is the ARN
}

// The kinds of resources.
var (
	KindLoadBalancer = Kind{"load balancer", "loadBalancerArn",
		regexp.MustCompile(`^loadbalancer/(app|net|gwy)/[0-9A-Za-z-]+/[0-9A-Za-z]+$`),
		"LoadBalancerNotFound", "Load balancers '[%s]' not found"}
	KindTargetGroup = Kind{"target group", "targetGroupArn",
		regexp.MustCompile(`^targetgroup/[0-9A-Za-z-]+/[0-9A-Za-z]+$`),
		"TargetGroupNotFound", "One or more target groups not found"}
	KindListener = Kind{"listener", "listenerArn",
		regexp.MustCompile(`^listener/(app|net|gwy)/[0-9A-Za-z-]+/[0-9A-Za-z]+/[0-9A-Za-z]+$`),
		"ListenerNotFound", "One or more listeners not found"}
	KindRule = Kind{"listener rule", "ruleArn",
		regexp.MustCompile(`^listener-rule/(app|net|gwy)/[0-9A-Za-z-]+/[0-9A-Za-z]+/[0-9A-Za-z]+/[0-9A-Za-z]+$`),
		"RuleNotFound", "One or more rules not found"}
	KindTrustStore = Kind{"trust store", "trustStoreArn", regexp.MustCompile(`^truststore/[0-9A-Za-z-]+/[0-9A-Za-z]+$`),
		"TrustStoreNotFound", "Trust store '%s' not found"}
)

// NotFound is the answer to an ARN or a name that no resource of the kind has.
func (k Kind) NotFound(what string) error {
	if strings.Contains(k.message, "%s") {
		return apierr.New(k.Code, k.message, what)
	}
	return apierr.New(k.Code, "%s", k.message)
}

// WellFormed refuses an ARN that cannot be one of that kind here. Another account's is well-formed, and unknown.
func WellFormed(a *account.Account, k Kind, arn string) error {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] != a.Partition || parts[2] != ServiceName ||
		!k.path.MatchString(parts[5]) {
		return check.Invalid("'%s' is not a valid %s ARN", arn, k.noun)
	}
	if parts[3] != a.Region {
		return check.Invalid("'%s' is not a valid %s ARN: the region '%s' does not match '%s'", arn, k.noun,
			parts[3], a.Region)
	}
	return nil
}

// find is the resource of that ARN in its map.
func find[T any](a *account.Account, k Kind, in map[string]*T, arn *string) (*T, error) {
	if err := check.Present(k.parameter, arn); err != nil {
		return nil, err
	}
	if v := in[*arn]; v != nil {
		return v, nil
	}
	if err := WellFormed(a, k, *arn); err != nil {
		return nil, err
	}
	return nil, k.NotFound(*arn)
}

// FindAll is the resources of those ARNs, each once, or the error of the first that is wrong.
func FindAll[T any](a *account.Account, k Kind, in map[string]*T, arns []string) ([]*T, error) {
	out := make([]*T, 0, len(arns))
	seen := map[string]bool{}
	for _, arn := range arns {
		v, err := find(a, k, in, &arn)
		if err != nil {
			return nil, err
		}
		if !seen[arn] {
			seen[arn] = true
			out = append(out, v)
		}
	}
	return out, nil
}

// FindLoadBalancer is the load balancer of that ARN.
func FindLoadBalancer(a *account.Account, arn *string) (*account.LoadBalancer, error) {
	return find(a, KindLoadBalancer, a.LoadBalancers, arn)
}

// FindTargetGroup is the target group of that ARN.
func FindTargetGroup(a *account.Account, arn *string) (*account.TargetGroup, error) {
	return find(a, KindTargetGroup, a.TargetGroups, arn)
}

// FindListener is the listener of that ARN.
func FindListener(a *account.Account, arn *string) (*account.Listener, error) {
	return find(a, KindListener, a.Listeners, arn)
}

// FindRule is the rule of that ARN.
func FindRule(a *account.Account, arn *string) (*account.Rule, error) {
	return find(a, KindRule, a.Rules, arn)
}

// FindTrustStore is the trust store of that ARN.
func FindTrustStore(a *account.Account, arn *string) (*account.TrustStore, error) {
	return find(a, KindTrustStore, a.TrustStores, arn)
}
