package declare

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/check"
)

// Need is a question about a load balancer.
type Need struct {
	Host string // the load balancer with this name
	ARN  string // the load balancer with this ARN
	// Settings: those of the load balancer with this ARN count, and not only whose it is. Listeners: its listeners, too.
	Settings, Listeners bool
}

// Key returns the key of the answer.
func (n Need) Key() string { return cmp.Or(n.Host, n.ARN) }

// Balancer is the answer to a Need.
type Balancer struct {
	ARN            string
	Network        bool
	SecurityGroups bool // it has some
	DualStack      bool
	Internal       bool // clients of the internet do not reach it; known of load balancers of groups
	// Owner is the stack of this cluster to which the load balancer belongs; zero = to none.
	Owner stack.Key
	// OwnerProblem is why the owner is not known at this moment.
	OwnerProblem string
	// Listeners, of a Need with Listeners, are their ARNs, and Ports their ports. PortProblem is why the ports cannot be
	// those of an accelerator.
	Listeners   []string
	Ports       []Port
	PortProblem string
	// Unconfirmed, of a Need with Listeners: this is the first list that the process reads, and nothing shows whether it
	// lacks some by mistake. It takes no port away.
	Unconfirmed bool
	// Problem is why nothing is known: AWS did not answer, or does not show a load balancer of that name at this moment.
	Problem string
}

// AddPort adds the port of a listener of a load balancer, by the protocol that it has there.
func (b *Balancer) AddPort(protocol string, port int32) {
	p := Port{Protocol: accelerator.TCP, Port: port}
	switch protocol {
	case "HTTP", "HTTPS", "TCP", "TLS":
	case "UDP":
		p.Protocol = accelerator.UDP
	default:
		b.PortProblem = fmt.Sprintf("its listener of port %d has protocol %s, which is not supported by Global Accelerator",
			port, protocol)
	}
	b.Ports = append(b.Ports, p)
}

// Answers are by the keys of needs.
type Answers map[string]Balancer

// Needs returns the questions that the endpoints of an object raise, each once.
func Needs(c Config, ga *agav1beta1.GlobalAccelerator, endpoints []Endpoint) []Need {
	var out []Need
	for _, e := range endpoints {
		var n Need
		switch {
		case e.State == Hosted && foreignRegion(e.Host, c.Region) == "":
			n.Host = e.Host
		case e.State == Given && check.IsLoadBalancer(e.ID) && check.RegionOf(e.ID) == c.Region:
			n = Need{ARN: e.ID, Listeners: check.Discovers(&ga.Spec)}
			n.Settings = n.Listeners || isNetwork(e.ID)
		default:
			continue
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func isNetwork(id string) bool { return strings.Contains(id, ":loadbalancer/net/") }

// foreignRegion is the Region in the name of a load balancer, if it is not region: name.REGION.elb.amazonaws.com of an
// ALB, name.elb.REGION.amazonaws.com of an NLB. Names of another form have none.
func foreignRegion(host, region string) string {
	labels := strings.Split(host, ".")
	for i, l := range labels {
		if l != "elb" || i < 1 || i+1 >= len(labels) {
			continue
		}
		in := labels[i+1]
		if in == "amazonaws" {
			in = labels[i-1]
		}
		if in != region && strings.Count(in, "-") >= 2 {
			return in
		}
	}
	return ""
}

// Resolved returns the load balancers of endpoints by the names of these.
func Resolved(endpoints []Endpoint, answers Answers) map[string]string {
	out := map[string]string{}
	for _, e := range endpoints {
		if a := answers[e.Host]; e.State == Hosted && a.ARN != "" && a.Problem == "" {
			out[e.Name] = a.ARN
		}
	}
	return out
}

// Memory is what earlier reconciles of an object found. The zero value is empty.
type Memory struct {
	Balancers map[string]string // the last load balancer of each endpoint by its name, also of those no longer declared
	Stands    map[string]Stand  // by the name of the endpoint: see Stands
	// Granted are the consents by which endpoints of the accelerator were permitted, by the name of the endpoint and the
	// ARN of its load balancer.
	Granted map[string]Consent
}

// Stand is what stays for an endpoint whose load balancer was never known: an edit may have misspelt the endpoint, or
// named one whose load balancer is still made, and took out one that serves.
type Stand struct {
	Balancers []string // those that the edit took out, as far as they are of objects of the same namespace
	All       bool     // whatever the group has: what it had before the edit is not known
}

// Stands returns the stands of the endpoints of an object by Endpoint.Name, after those of the last pass.
func Stands(ga *agav1beta1.GlobalAccelerator, endpoints []Endpoint, answers Answers, before Memory) map[string]Stand {
	declared, resolved := map[string]bool{}, Resolved(endpoints, answers)
	for i := range endpoints {
		declared[endpoints[i].Name] = true
	}
	edited := Stand{All: len(before.Balancers) == 0}
	for name, arn := range before.Balancers {
		if parts := strings.Split(name, "/"); !declared[name] && len(parts) == 3 && parts[1] == ga.Namespace {
			edited.Balancers = append(edited.Balancers, arn)
		}
	}
	slices.Sort(edited.Balancers)
	out := map[string]Stand{}
	for i := range endpoints {
		name := endpoints[i].Name
		if endpoints[i].State == Given || resolved[name] != "" || before.Balancers[name] != "" {
			continue
		}
		s, was := before.Stands[name]
		if !was {
			s = edited
		}
		out[name] = s
	}
	return out
}

// place is where an endpoint is declared.
type place struct{ listener, group, index int }

// loadedEndpoint is an endpoint with what AWS answers about it.
type loadedEndpoint struct {
	accelerator.Endpoint
	ready   bool
	given   bool     // by an id
	waiting bool     // its load balancer is not known at this moment, and never was
	kept    string   // its load balancer is not known at this moment, and was this one
	stands  []string // load balancers that stay until its own is known
	known   bool     // that it has none
	ports   []Port
	problem string // why ports are not known
	more    bool   // there may be other ports
	// the list of ports is the first one, and may lack some
	unconfirmed bool
}

// load joins endpoints with what AWS answers.
func (b *building) load(endpoints []Endpoint, answers Answers, remembered map[string]string) map[place]loadedEndpoint {
	out, current := map[place]loadedEndpoint{}, map[string]bool{}
	for i := range endpoints {
		e := &endpoints[i]
		told := len(b.found)
		l := b.loadOne(e, answers)
		if !l.ready && !l.known {
			l.kept = remembered[e.Name]
			l.waiting = l.kept == ""
		}
		if s, stands := b.stands[e.Name]; stands && !l.ready {
			l.stands, l.waiting = s.Balancers, l.waiting || s.All && !e.unpermitted
			l.known = l.known && !l.waiting && len(l.stands) == 0
			if len(l.stands) > 0 && len(b.found) > told {
				b.found[told].Text += "; what it replaces stays until then"
			}
		}
		current[l.ID], current[l.kept] = true, true
		out[place{e.Listener, e.Group, e.Index}] = l
	}
	for _, arn := range remembered {
		if !current[arn] {
			b.gone = append(b.gone, arn)
		}
	}
	slices.Sort(b.gone)
	return out
}

func (b *building) loadOne(e *Endpoint, answers Answers) loadedEndpoint {
	out := loadedEndpoint{Endpoint: accelerator.Endpoint{
		Weight: 128, PreserveClientIP: e.spec.ClientIPPreservationEnabled}, ports: e.Ports, problem: e.PortProblem,
		more: e.more}
	if e.spec.Weight != nil {
		out.Weight = *e.spec.Weight
	}
	problem, remedy := e.Problem, e.Remedy
	switch e.State {
	case Given:
		a, ok := answers[e.ID]
		if ok && a.OwnerProblem != "" {
			problem = "the owner of load balancer " + e.ID + " is unknown, because its tags cannot be read: " + a.OwnerProblem
			break
		}
		out.ID, out.ready, out.given = e.ID, true, true
		if ok {
			out.ports, out.problem, out.unconfirmed = a.Ports, cmp.Or(a.PortProblem, a.Problem), a.Unconfirmed
			b.preserve(e, &out, a)
		}
		if strings.HasPrefix(e.ID, "eipalloc-") {
			out.PreserveClientIP = nil // the default of the field, which AWS refuses for Elastic IP addresses
		}
	case Hosted:
		region := foreignRegion(e.Host, b.config.Region)
		a, answered := answers[e.Host]
		switch {
		case region != "":
			problem, remedy, out.known = fmt.Sprintf("the load balancer %s of %s is in Region %s, and the controller "+
				"works in %s only", e.Host, e.Name, region, b.config.Region), "give its ARN as endpointID", true
		case !answered || a.Problem != "":
			problem = fmt.Sprintf("load balancer %s was not found: %s; an endpoint that serves stays", e.Host,
				cmp.Or(a.Problem, "AWS was not asked"))
		default:
			out.ID, out.ready = a.ARN, true
			b.preserve(e, &out, a)
		}
	case Pending:
	case Gone:
		out.known = true
	}
	if !out.ready && problem != "" {
		d := diag.New(check.Object(b.ga), e.path(), diag.EndpointNotLoaded, problem, remedy)
		if (e.State == Hosted || e.State == Given) && !out.known { // no event comes when AWS has it
			d.Class = diag.Transient
		}
		b.found = append(b.found, d)
	}
	return out
}

// preserve corrects the client IP preservation of an endpoint that cannot have it: the field is true by default, also
// where AWS refuses that. While it is not known whether AWS does, the endpoint keeps what it has.
func (b *building) preserve(e *Endpoint, out *loadedEndpoint, a Balancer) {
	if a.Problem != "" && isNetwork(e.ID) && ptr.Deref(out.PreserveClientIP, false) {
		out.PreserveClientIP = nil
	}
	if !a.Network || !ptr.Deref(out.PreserveClientIP, false) {
		return
	}
	var why string
	switch {
	case a.DualStack:
		why = "dual-stack Network Load Balancers do not preserve addresses of clients of accelerators"
	case !a.SecurityGroups:
		why = "Network Load Balancers without security groups do not preserve addresses of clients of accelerators"
	default:
		return
	}
	no := false
	out.PreserveClientIP = &no
	b.note(e.path()+".clientIPPreservationEnabled", e.Name+" is used without client IP preservation: "+why,
		"set the field to false, which is the same")
}
