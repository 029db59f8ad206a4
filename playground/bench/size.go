package bench

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// size is a cluster, and an account that it shares with others.
type size struct {
	rows      string // prefix of the names of its rows
	kind      kind
	balancers int   // load balancers, each of a group of Ingresses
	steps     []int // numbers of load balancers at which the cost of one is compared, up to all of them
	pods      int   // of all apps
	nodes     int
	foreign   int // load balancers of others in the account, with a target group each
	here      int // of them, those in the VPC of the cluster
}

// Each load balancer has so many Ingresses in its group, and so many Services with a binding each. Ingresses beyond
// those redirect.
const (
	ingressesPerBalancer = 5
	appsPerBalancer      = 3
)

var (
	// largest is about what the quotas of an account and the addresses of a VPC permit.
	largest = size{rows: "size", kind: sizeKind, balancers: 1000, steps: []int{20, 100, 200, 1000}, pods: 50_000,
		nodes: 500, foreign: 10_000, here: 2000}
	// small shows in seconds what does not depend on the size: the number of calls per object.
	small = size{rows: "small", kind: smallKind, balancers: 20, steps: []int{10, 20}, pods: 1000, nodes: 10,
		foreign: 500, here: 100}

	largestTenants, smallTenants = tenants(), tenants()
)

func tenant(i, member int) string { return fmt.Sprintf("tenant-%04d-%d", i, member) }

// tenants are groups of Ingresses with a load balancer each.
func tenants() *population {
	return &population{
		name: func(i int) string { return tenant(i, 0) }, main: ingressResource, apps: appsPerBalancer,
		objects: func(i int) []metav1.Object {
			var out []metav1.Object
			for m := range ingressesPerBalancer {
				of := ingress(tenant(i, m), app(appsPerBalancer*i+m%appsPerBalancer), fmt.Sprintf("tenant-%04d", i))
				if m >= appsPerBalancer {
					redirects(of)
				}
				out = append(out, of)
			}
			return out
		},
	}
}

// redirects has an Ingress lead elsewhere, so that it has no target group.
func redirects(i *networkingv1.Ingress) {
	i.Annotations["alb.ingress.kubernetes.io/actions.moved"] =
		`{"type": "redirect", "redirectConfig": {"host": "www.example.com", "statusCode": "HTTP_301"}}`
	backend := i.Spec.Rules[0].HTTP.Paths[0].Backend.Service
	backend.Name, backend.Port = "moved", networkingv1.ServiceBackendPort{Name: "use-annotation"}
}

func (z size) apps() int { return appsPerBalancer * z.balancers }

// podsOf is how many pods an app has: the first ones have one more than the others, if that is what it takes to have
// all.
func (z size) podsOf(app int) int {
	n := z.pods / z.apps()
	if app < z.pods%z.apps() {
		n++
	}
	return n
}

// addresses is how many pods there are at most at a time, and beside them those whose addresses are not used again yet.
func (z size) addresses() int { return 2 * z.pods }

// sizeRows measure a cluster of that size, in the order of its life.
func sizeRows(z size, p *population) []row {
	ingresses := thousands(ingressesPerBalancer * z.balancers)
	of := fmt.Sprintf("%s load balancers of %s Ingresses, %s bindings, %s pods on %d nodes, %s foreign load balancers",
		thousands(z.balancers), ingresses, thousands(z.apps()), thousands(z.pods), z.nodes, thousands(z.foreign))
	rows := []row{
		{z.rows + "-create", z.kind, "create " + ingresses + " Ingresses", "creates " + of +
			"; the cost of each Ingress as there are more of them", settling(z), growing(z, p)},
		{z.rows + "-touch", z.kind, "touch all " + ingresses, "changes an unrelated annotation of each Ingress",
			populated(z, p), touchingLarge(p)},
		{z.rows + "-restart", z.kind, "restart under AWS's limits",
			"ends the controller and starts it again, AWS's published token buckets being on; until every object was looked at",
			populated(z, p), restartingLimited},
		{z.rows + "-cold", z.kind, "start without checkpoints",
			"the same without what the former process has learned and without AWS's limits, as after another controller",
			populated(z, p), startingCold},
		{z.rows + "-rollout", z.kind, "rolling update of all pods", "replaces all pods, a quarter of each app's at a time",
			populated(z, p), rollingOut(z)},
		{z.rows + "-delete", z.kind, "delete all " + ingresses, "deletes all Ingresses at once", populated(z, p),
			deletingLarge(p)},
	}
	if z.kind == sizeKind { // a minute of its own
		rest := row{z.rows + "-rest", z.kind, "a minute at rest",
			"counts the reads of a minute, from a minute after a start on", restarted(z, p), measureSweep}
		rows = append(rows[:4], append([]row{rest}, rows[4:]...)...)
	}
	return rows
}

// thousands writes a number with a comma before each three digits.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
