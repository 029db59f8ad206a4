// Package consent decides which load balancers of others the objects of a namespace may share or adopt. An object
// cannot consent for itself, and nothing that a user of the cluster writes does: only the flag
// --existing-load-balancers, or a tag of the load balancer in AWS. The package is pure.
package consent

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
)

// Degree is how far a consent goes.
type Degree int

// Degrees, from the least to the most.
const (
	None Degree = iota
	// the objects of every namespace may use it; what takes something away needs an approval from elsewhere
	Cluster
	Namespace // it names the namespace, whose objects may also approve of what takes something away
)

// Balancers are the load balancers of flag --existing-load-balancers. The zero value allows none.
type Balancers allowlist.List

// pattern is the form of a pattern of names, and of ARNs.
var (
	namePattern = regexp.MustCompile(`^[A-Za-z0-9*-]{1,64}$`)
	arnPattern  = regexp.MustCompile(`^arn:[a-z*-]+:elasticloadbalancing:[^:]+:[0-9*]+:loadbalancer/[A-Za-z0-9*/-]+$`)
)

// Parse reads the flag: patterns of names or ARNs of load balancers, each for the objects of all namespaces, or of one
// as NAMESPACE=PATTERN.
func Parse(list []string) (Balancers, error) {
	out, err := allowlist.Parse(list, "the name or ARN of a load balancer", func(pattern string) error {
		if pattern != allowlist.None && (namePattern.MatchString(pattern) || arnPattern.MatchString(pattern)) {
			return nil
		}
		return fmt.Errorf("%q is neither *, nor the name, nor the ARN of a load balancer such as "+
			"arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/payroll/0123456789abcdef; * stands for "+
			"any characters", pattern)
	})
	return Balancers(out), err
}

// Patterns returns the patterns of names and ARNs, without *.
func (b Balancers) Patterns() []string { return allowlist.List(b).Patterns() }

// Balancer is a load balancer as AWS describes it, and never as an object names it.
type Balancer struct {
	ARN, Name  string
	SharedWith string // value of its tag elbv2.k8s.aws/shared-with
}

// Of returns how far the consent goes of the flag, and of the load balancer itself, for the objects of a namespace of a
// cluster.
func (b Balancers) Of(cluster, namespace string, lb Balancer) Degree {
	degree := Tagged(lb.SharedWith, cluster, namespace)
	for _, text := range []string{lb.ARN, lb.Name} { // no name has a colon, and no pattern of names has one either
		for _, e := range allowlist.List(b).Match(namespace, text) {
			if text == "" || namespace == "" && e.Namespace != "" {
				continue
			}
			degree = max(degree, Cluster)
			if e.Namespace != "" {
				degree = Namespace
			}
		}
	}
	return degree
}

// Tagged returns how far the consent of a tag goes for the objects of a namespace of a cluster. Its value is CLUSTER or
// CLUSTER/NAMESPACE, or several with spaces between them.
func Tagged(value, cluster, namespace string) Degree {
	if cluster == "" {
		return None
	}
	given := strings.Fields(value)
	switch {
	case namespace != "" && slices.Contains(given, cluster+"/"+namespace):
		return Namespace
	case slices.Contains(given, cluster):
		return Cluster
	}
	return None
}
