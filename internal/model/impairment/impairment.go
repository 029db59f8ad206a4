// Package impairment has the conditions under which the controller runs with less than it needs, and that may heal
// while it runs: each is one sentence with a remedy. It records which conditions hold, and reports changes. It does
// not detect them, and writes no log, event or metric.
package impairment

import (
	"slices"
	"sync"
)

// Reason names a condition in metrics, logs and events.
type Reason string

// The reasons.
const (
	Region              Reason = "region"
	VPC                 Reason = "vpc"
	Credentials         Reason = "credentials"
	Permissions         Reason = "permissions"
	Unanswered          Reason = "aws"
	Throttled           Reason = "throttled"
	APIServer           Reason = "api-server"
	Definitions         Reason = "definitions"
	DefinitionsOutdated Reason = "definitions-outdated"
	Rights              Reason = "rights"
	WebhookCertificate  Reason = "webhook-certificate"
	Webhooks            Reason = "webhooks"
	ClusterName         Reason = "cluster-name"
	Place               Reason = "place"
	SharedClusterName   Reason = "shared-cluster-name"
	SecondController    Reason = "second-controller"
)

// Info is the row of a reason.
type Info struct {
	Reason Reason
	Check  string // of /readyz that shows it
}

// Reasons are all reasons.
var Reasons = []Info{
	// The region is not known: neither by --aws-region, AWS_DEFAULT_REGION and AWS_REGION nor by the instance metadata
	// service.
	{Region, "aws"},
	// The VPC is not known: neither by --aws-vpc-id and --aws-vpc-tags nor by the instance metadata service and
	// NODENAME.
	{VPC, "aws"},
	// There are no credentials for AWS, or AWS does not accept them.
	{Credentials, "aws"},
	// AWS denies the controller an action. That ends 30 seconds after the first success without another denial, or a
	// minute after nothing waits for the action; at the latest 20 minutes after the last denial.
	{Permissions, "aws"},
	// A service of AWS, or one operation of a service, has not answered the controller for 25 seconds.
	{Unanswered, "aws"},
	// AWS has refused most calls of a kind because of their rate for two minutes.
	{Throttled, "aws"},
	// The API server does not answer, or does not accept the controller's credentials.
	{APIServer, "api-server"},
	// The load balancers of this cluster were created under another name than --cluster-name. The controller does not
	// start, because it would create all of them again.
	{ClusterName, "cluster-name"},
	// The load balancers of this cluster are in another Region, VPC or account than the one in which the controller works.
	// The controller does not start, because it would create all of them again.
	{Place, "aws"},
	// The controller of another cluster has the same --cluster-name, as its resources or actions in the account show.
	// The controller deletes nothing that no object of this cluster claims.
	{SharedClusterName, "cluster-name"},
	// A second controller works in this cluster: it writes the same LoadBalancer objects, or it holds a Lease of the
	// same name in another namespace.
	{SecondController, "leader"},
	// The API server does not serve TargetGroupBindings or IngressClassParams.
	{Definitions, "definitions"},
	// A CRD lacks fields or versions of this version of the controller. The API server drops such fields from objects
	// without an error.
	{DefinitionsOutdated, "definitions"},
	// The controller lacks an RBAC permission to read or write objects, or to hold its Lease.
	{Rights, "rights"},
	// The webhooks have no serving certificate yet.
	{WebhookCertificate, "webhook-certificate"},
	// The API server does not reach the webhooks: two dry runs of the leader in a row, a minute apart, did not arrive. The
	// API server stores objects that the webhooks would refuse or complete.
	{Webhooks, "webhooks"},
}

// Condition is something that the controller lacks. It is also the error of everything that cannot succeed because
// of it.
type Condition struct {
	Reason Reason
	Text   string // what is wrong
	Remedy string
	Blocks bool // the controllers do not start before it has healed
}

// Error returns the sentence.
func (c Condition) Error() string { return c.Text + "; " + c.Remedy }

// Change is a condition that begins to hold, has another text, or has healed.
type Change struct {
	Condition
	Healed bool
}

// Conditions has the conditions that hold. The zero value is usable.
type Conditions struct {
	// OnChange, if it is set, is called with each change, in their order. It must not wait, and not use the Conditions.
	OnChange func(Change)

	mu sync.Mutex
	of map[Reason]Condition
}

// Set has a condition hold, in place of another one of its reason.
func (s *Conditions) Set(c Condition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[c.Reason] == c {
		return
	}
	if s.of == nil {
		s.of = map[Reason]Condition{}
	}
	s.of[c.Reason] = c
	s.report(Change{Condition: c})
}

// Heal ends the condition of a reason, if it holds.
func (s *Conditions) Heal(r Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.of[r]; ok {
		delete(s.of, r)
		s.report(Change{Condition: c, Healed: true})
	}
}

func (s *Conditions) report(c Change) {
	if s.OnChange != nil {
		s.OnChange(c)
	}
}

// Has reports whether there is a condition of a reason.
func (s *Conditions) Has(r Reason) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.of[r]
	return ok
}

// All returns the conditions that hold, in the order of Reasons.
func (s *Conditions) All() []Condition { return s.Of("") }

// Of returns the conditions that a check of /readyz shows; "" = all.
func (s *Conditions) Of(check string) (out []Condition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range Reasons {
		if c, ok := s.of[i.Reason]; ok && (check == "" || check == i.Check) {
			out = append(out, c)
		}
	}
	return out
}

// Checks returns the names of the checks of /readyz.
func Checks() (out []string) {
	for _, i := range Reasons {
		out = append(out, i.Check)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
