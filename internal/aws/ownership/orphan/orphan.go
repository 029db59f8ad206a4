// Package orphan finds AWS resources with the cluster's tags that no object of the cluster claims, and since when
// that is so. Its inputs are the resources, listed by tags, and the objects of the cluster. It reads and writes
// nothing itself.
package orphan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Resource is an AWS resource with the cluster's tags, or a TargetGroupBinding with the labels of a stack.
type Resource struct {
	Kind stack.Kind `json:"kind"`
	ID   string     `json:"id"` // the ARN, the id of a security group, or namespace/name of a TargetGroupBinding
	Name string     `json:"name,omitempty"`
	// Hostname is the DNS name of a load balancer.
	Hostname string `json:"hostname,omitempty"`
	// Retained is true for a load balancer that a deletion policy keeps.
	Retained bool `json:"-"`
}

func (r Resource) String() string {
	if r.Name == "" || r.Name == r.ID {
		return string(r.Kind) + " " + r.ID
	}
	return string(r.Kind) + " " + r.Name + " (" + r.ID + ")"
}

// Holding is a stack with its existing resources.
type Holding struct {
	Key       stack.Key
	Resources []Resource
}

// Backend is the key under which the cluster's shared backend security group is listed. It belongs to no stack.
var Backend = stack.Key{Owner: "elbv2.k8s.aws", ID: stack.ID{Name: stack.BackendSecurityGroup}}

// Orphan is a stack that no object claims.
type Orphan struct {
	Key       stack.Key
	Resources []Resource // sorted by kind and id
	Why       string     // why nothing owns it
}

// Unclear is a stack for which it is unknown whether an object claims it, or one that a deletion policy keeps
// without an object.
type Unclear struct {
	Key      stack.Key
	Why      string
	Retained bool // it is known that none does, and that it is to stay
}

// Find returns the stacks that no object claims and the unclear stacks, each sorted by key. A stack whose kind is in
// no registry of package owner never becomes an orphan.
func Find(held []Holding, c *Claims) (orphans []Orphan, unclear []Unclear) {
	for _, h := range c.withBindings(held) {
		if _, claimed := c.claim(h); claimed {
			continue
		}
		if why := c.doubt(h.Key); why != "" {
			unclear = append(unclear, Unclear{Key: h.Key, Why: why})
			continue
		}
		if why := h.retention(held); why != "" {
			unclear = append(unclear, Unclear{Key: h.Key, Retained: true, Why: why})
			continue
		}
		slices.SortFunc(h.Resources, func(a, b Resource) int {
			return cmp.Or(cmp.Compare(rank(a.Kind), rank(b.Kind)), strings.Compare(a.ID, b.ID))
		})
		orphans = append(orphans, Orphan{Key: h.Key, Resources: h.Resources, Why: why(h.Key)})
	}
	slices.SortFunc(orphans, func(a, b Orphan) int { return a.Key.Compare(b.Key) })
	slices.SortFunc(unclear, func(a, b Unclear) int { return a.Key.Compare(b.Key) })
	return orphans, unclear
}

// retention returns why a deletion policy keeps something without an object; "" = none does. A kept load balancer
// also keeps the shared backend security group.
func (h Holding) retention(held []Holding) string {
	kept := func(r Resource) bool { return r.Retained }
	if i := slices.IndexFunc(h.Resources, kept); i >= 0 {
		return "load balancer " + h.Resources[i].Name + " stays without an object, by a deletion policy of " +
			annotation.RetainIt + "; to delete it: " + Orphan{Key: h.Key}.Delete(true)
	}
	if h.Key == Backend && slices.ContainsFunc(held, func(x Holding) bool {
		return slices.ContainsFunc(x.Resources, kept)
	}) {
		return "load balancers that stay without an object use it"
	}
	return ""
}

// order is the order in which kinds of resources are listed.
var order = []stack.Kind{
	stack.KindLoadBalancer, stack.KindTargetGroup, stack.KindSecurityGroup, stack.KindCertificate, stack.KindTrustStore,
	stack.KindBinding,
}

func rank(k stack.Kind) int { return slices.Index(order, k) }

// Claims are the stacks that the objects of a cluster claim: by name, finalizer, group or status, whatever their
// class. Objects of another controller's class claim, too, so two controllers with one cluster name delete nothing
// of each other.
type Claims struct {
	stacks    map[stack.Key]claim
	hostnames map[string]claim // of load balancers, in lower case
	used      map[string]claim // ARNs of target groups that TargetGroupBindings of users name
	sources   map[string]claim // security groups that TargetGroupBindings let in
	bindings  []binding        // with labels of a stack
	// registering has the bindings that name a target group, by its ARN.
	registering map[string][]binding
	finalized   *claim // an object with a finalizer of the controller

	all    string                 // why nothing can be concluded about any stack
	owners map[stack.Owner]string // why nothing can be concluded about the stacks of an owner
	groups string                 // why nothing can be concluded about the stacks of Ingress groups
}

// claim is how an object claims something.
type claim struct {
	by  diag.Object
	how string
}

func (c claim) String() string { return c.by.String() + " " + c.how }

// binding is a TargetGroupBinding with labels of a stack.
type binding struct {
	namespace, name string
	stack           stack.Key // as labels name it
}

// By returns the object that claims a stack, and how; "" = none does. The resources matter: an object whose status
// shows a load balancer claims the load balancer, and a user's TargetGroupBinding claims its target group.
func (c *Claims) By(h Holding) string {
	by, claimed := c.claim(h)
	if !claimed {
		return ""
	}
	return by.String()
}

func (c *Claims) claim(h Holding) (by claim, claimed bool) {
	if by, claimed = c.stacks[h.Key]; claimed {
		return by, true
	}
	if group, n := naming.ShardOf(h.Key.ID); n > 0 { // who is of the group may be on each of its load balancers
		if by, claimed = c.stacks[stack.Key{Owner: h.Key.Owner, ID: group}]; claimed {
			return by, true
		}
	}
	if h.Key == Backend && c.finalized != nil {
		return *c.finalized, true
	}
	for _, r := range h.Resources {
		switch r.Kind {
		case stack.KindLoadBalancer:
			by, claimed = c.hostnames[strings.ToLower(r.Hostname)]
			claimed = claimed && r.Hostname != ""
		case stack.KindTargetGroup:
			if by, claimed = c.used[r.ID]; claimed {
				break
			}
			for _, b := range c.registering[r.ID] {
				if b.stack != Labelled(h.Key) {
					return claim{diag.Object{Kind: string(objects.TargetGroupBinding), Namespace: b.namespace, Name: b.name},
						"registers targets in " + r.ID}, true
				}
			}
		case stack.KindSecurityGroup:
			if h.Key == Backend {
				by, claimed = c.sources[r.ID]
			}
		default: // claimed with its stack only
		}
		if claimed {
			return by, true
		}
	}
	return claim{}, false
}

// doubt returns why an unclaimed stack is unclear; "" = it is not.
func (c *Claims) doubt(key stack.Key) string {
	switch {
	case c.all != "":
		return c.all
	case c.owners[key.Owner] != "":
		return c.owners[key.Owner]
	case key.Owner == stack.Ingress && key.ID.Namespace == "":
		return c.groups
	}
	return ""
}

// Labelled returns the key with which labels of TargetGroupBindings name a stack: long names are shortened.
func Labelled(key stack.Key) stack.Key {
	short, _ := StackOf(naming.Labels(key))
	return short
}

// withBindings returns a copy of held with the TargetGroupBindings of each stack, and with the stacks of which only
// TargetGroupBindings are left.
func (c *Claims) withBindings(held []Holding) []Holding {
	out, at := make([]Holding, 0, len(held)), make(map[stack.Key]int, len(held))
	for i, h := range held {
		out = append(out, Holding{h.Key, slices.Clone(h.Resources)})
		at[Labelled(h.Key)] = i
	}
	for _, b := range c.bindings {
		i, known := at[b.stack]
		if !known {
			if naming.Shortened(b.stack.ID) { // an object with a long name may claim it
				continue
			}
			i = len(out)
			at[b.stack] = i
			out = append(out, Holding{Key: b.stack})
		}
		out[i].Resources = append(out[i].Resources, Resource{Kind: stack.KindBinding, ID: b.namespace + "/" + b.name})
	}
	return out
}

// HoldingOf returns what AWS holds of a stack. Find adds the TargetGroupBindings. The shared backend security group
// is not included.
func HoldingOf(key stack.Key, o *awsop.Observed) Holding {
	h := Holding{Key: key}
	for _, lb := range o.LoadBalancers {
		if lb.Foreign {
			continue
		}
		h.Resources = append(h.Resources, Resource{Kind: stack.KindLoadBalancer, ID: lb.ARN, Name: lb.Name,
			Hostname: lb.DNSName, Retained: lb.Retained()})
	}
	for _, tg := range o.TargetGroups {
		h.Resources = append(h.Resources, Resource{Kind: stack.KindTargetGroup, ID: tg.ARN, Name: tg.Name})
	}
	for _, g := range o.SecurityGroups {
		if g.ID != stack.BackendSecurityGroup {
			h.Resources = append(h.Resources, Resource{Kind: stack.KindSecurityGroup, ID: g.GroupID, Name: g.Name})
		}
	}
	for _, c := range o.Certificates {
		h.Resources = append(h.Resources, Resource{Kind: stack.KindCertificate, ID: c.ARN, Name: c.Domain})
	}
	for _, s := range o.TrustStores {
		h.Resources = append(h.Resources, Resource{Kind: stack.KindTrustStore, ID: s.ARN, Name: s.Name})
	}
	return h
}

// why describes the claims that a stack lacks.
func why(key stack.Key) string {
	kind := owner.Of(key.Owner)
	switch {
	case key == Backend:
		return "no object has a finalizer of the controller, and no TargetGroupBinding lets the group in"
	case key.ID.Namespace == "":
		return fmt.Sprintf("no %s names the group %s or has its finalizer, and no status shows its load balancer", kind.Kind,
			key.ID.Name)
	}
	return fmt.Sprintf("there is no %s %s, and no object has its finalizer or shows its load balancer in its status",
		kind.Kind, key.ID)
}

// Delete returns the command that deletes an orphan. alive is true if a controller runs: its Lease would stop the
// command without a flag.
func (o Orphan) Delete(alive bool) string {
	command := "lbc cleanup --stack " + o.Key.String()
	if alive {
		command += " --ignore-controller"
	}
	return command
}
