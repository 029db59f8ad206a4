package accelerator

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	simaccount "github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// neighbours is a world with a tenant of namespace default, who has two Services and will have GlobalAccelerator web.
// The tenant of namespace mal declares what he likes, or does not come.
type neighbours struct {
	*world
	writes []string // calls of passes over the GlobalAccelerator of default that change something
}

func newNeighbours(t *testing.T) *neighbours {
	t.Helper()
	n := &neighbours{world: newWorld(t, service("default", "web", "k8s-web", 80, 443), service("default", "next",
		"k8s-next", 80))}
	for _, name := range []string{"web", "next"} {
		n.balancer("k8s-"+name, func(lb *simaccount.LoadBalancer) {
			lb.Scheme = "internal"
			lb.Tags = naming.Tracking(stack.Service, "my-cluster", "default/"+name, stack.LoadBalancerIdentity)
		})
	}
	return n
}

// over makes a pass over an object, again where it asks for that at once.
func (n *neighbours) over(object types.NamespacedName) (time.Duration, error) {
	n.called()
	for {
		r, err := n.r.Reconcile(n.t.Context(), reconcile.Request{NamespacedName: object})
		if errors.Is(err, queue.ErrRequeue) {
			continue
		}
		if object == name {
			for call := range strings.FieldsSeq(n.called()) {
				if !strings.HasPrefix(call, "Describe") && !strings.HasPrefix(call, "List") {
					n.writes = append(n.writes, call)
				}
			}
		}
		return r.RequeueAfter, err
	}
}

// calm makes passes over all objects until none over those of default asks for another one soon. AWS takes one change of
// an accelerator after the other, so that passes may fail.
func (n *neighbours) calm() {
	n.t.Helper()
	for quiet, rounds := 0, 0; quiet < 3; quiet, rounds = quiet+1, rounds+1 {
		var all agav1beta1.GlobalAcceleratorList
		n.must(n.client.List(n.t.Context(), &all))
		pause := time.Minute
		for i := range all.Items {
			object := client.ObjectKeyFromObject(&all.Items[i])
			wait, err := n.over(object)
			if object != name {
				continue // what is refused may be tried for ever
			}
			if err != nil {
				if wait = FirstRetry; rounds > 60 {
					n.t.Fatal(err, n.told())
				}
			}
			if wait > 0 && wait < 10*time.Minute {
				pause, quiet = min(pause, wait), 0
			}
		}
		n.clock.Advance(pause)
	}
}

// picture is what the tenant of default has, without what follows from the order of creations.
func (n *neighbours) picture() string {
	n.t.Helper()
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	ga, arn := &agav1beta1.GlobalAccelerator{}, "none"
	if err := n.client.Get(n.t.Context(), name, ga); err == nil {
		add("object: finalizers %v, generation %d", ga.Finalizers, ga.Generation)
		if ga.Status.AcceleratorARN != nil {
			arn = *ga.Status.AcceleratorARN
		}
		for _, c := range ga.Status.Conditions {
			add("%s %s %s %s", c.Type, c.Status, c.Reason, c.Message)
		}
	}
	n.sim.Account.Lock()
	defer n.sim.Account.Unlock()
	for _, x := range n.sim.Account.AcceleratorsInOrder() {
		for _, l := range x.Listeners {
			for _, g := range l.Groups {
				for _, e := range g.Endpoints {
					switch _, id, _ := strings.Cut(e.ID, "loadbalancer/"); {
					case x.ARN == arn:
						add("%s %v: %s weight %d", l.Protocol, l.Ports, id, e.Weight)
					case strings.Contains(id, "k8s-web") || strings.Contains(id, "k8s-next"):
						add("%s is exposed by another accelerator", id)
					}
				}
			}
		}
		if x.ARN == arn {
			add("accelerator %s %s %t %v", x.Name, x.IPAddressType, x.Enabled, x.Tags)
		}
	}
	add("writes %v", n.writes)
	n.writes = nil
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// life are the steps of the tenant of default. between is called before the passes of each.
func (n *neighbours) life(restarts bool, between func()) (pictures []string) {
	n.t.Helper()
	for _, act := range []func(){
		func() {},
		func() {
			n.must(n.client.Create(n.t.Context(), object([]int32{80}, endpoint(agav1beta1.EndpointService, "", "web"))))
		},
		func() {
			n.edit(func(ga *agav1beta1.GlobalAccelerator) {
				ga.Spec.Listeners[0].PortRanges = []agav1beta1.PortRange{{FromPort: 80, ToPort: 81}, {FromPort: 443, ToPort: 443}}
			})
		},
		func() {
			if restarts {
				n.restart()
			}
		},
		func() {
			n.edit(func(ga *agav1beta1.GlobalAccelerator) {
				ga.Spec.Listeners[0].EndpointGroups[0].Endpoints = []agav1beta1.Endpoint{
					endpoint(agav1beta1.EndpointService, "default", "next")}
			})
		},
		func() { n.must(n.client.Delete(n.t.Context(), n.get())) },
	} {
		act()
		between()
		n.calm()
		pictures = append(pictures, n.picture())
	}
	return pictures
}

// evil declares objects of namespace mal: those of an attacker and those of somebody who writes by mistake. His Role
// lets him write statuses, too.
type evil struct {
	*rand.Rand
	n       *neighbours
	said    []string
	created int // accelerators
}

func (e *evil) pick(from ...string) string { return from[e.IntN(len(from))] }

// acts creates and deletes objects.
func (e *evil) acts() {
	for range 1 + e.IntN(3) {
		switch e.IntN(8) {
		case 0:
			e.shows()
		case 1:
			grant := grant("mal", "", "Service")
			e.create(grant)
		case 2:
			gone := &agav1beta1.GlobalAccelerator{ObjectMeta: metav1.ObjectMeta{Namespace: "mal", Name: e.name()}}
			if e.n.client.Delete(e.n.t.Context(), gone) == nil {
				e.said = append(e.said, "deleted "+gone.Name)
			}
		default:
			e.accelerator()
		}
	}
}

func (e *evil) name() string { return e.pick("web", "evil", "edge") }

// create creates or replaces an object.
func (e *evil) create(o client.Object) bool {
	o.SetNamespace("mal")
	err := e.n.client.Create(e.n.t.Context(), o)
	if err == nil {
		e.said = append(e.said, fmt.Sprintf("%T %s %+v", o, o.GetName(), o))
	}
	return err == nil
}

// shows creates an object whose status shows a load balancer of others.
func (e *evil) shows() {
	if e.IntN(2) == 0 {
		e.create(service("mal", e.pick("web", "forged"), e.pick("k8s-web", "k8s-next"), 80))
		return
	}
	i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: "forged", Finalizers: []string{
		naming.Finalizer(stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}})}}}
	i.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{Hostname: host("k8s-web")}}
	e.create(i)
}

// ofVictim is the accelerator of default as AWS has it; ok is false if there is none.
func (e *evil) ofVictim() (x simaccount.Accelerator, ok bool) {
	e.n.sim.Account.Lock()
	defer e.n.sim.Account.Unlock()
	for _, x := range e.n.sim.Account.AcceleratorsInOrder() {
		if x.Tags["aga.k8s.aws/stack"] == "default/web" && x.Tags["aga.k8s.aws/resource"] != "" {
			return *x, true
		}
	}
	return simaccount.Accelerator{}, false
}

func (e *evil) endpoint() agav1beta1.Endpoint {
	id := agav1beta1.Endpoint{Type: agav1beta1.EndpointID, Weight: to(int32(128)), EndpointID: to(prefix + "net/" +
		e.pick("k8s-web", "k8s-next", "K8S-WEB", "gone") + "/" + e.pick("50dc", "50DC", "0000000000000000"))}
	switch e.IntN(5) {
	case 0:
		return endpoint(agav1beta1.EndpointService, "default", e.pick("web", "next"))
	case 1:
		return endpoint(agav1beta1.EndpointService, e.pick("", "mal"), e.pick("web", "forged"))
	case 2:
		return endpoint(agav1beta1.EndpointIngress, e.pick("", "default"), "forged")
	}
	return id
}

// accelerator creates a GlobalAccelerator, whose status may say that it has the victim's accelerator.
func (e *evil) accelerator() {
	ports := [][]int32{{80}, {80, 443}, nil}[e.IntN(3)]
	ga := object(ports, e.endpoint(), e.endpoint())
	e.created++
	ga.Name, ga.UID = e.name(), types.UID(fmt.Sprint("uid-mal-", e.created)) // the API server chooses it
	theirs, known := e.ofVictim()
	if known && e.IntN(2) == 0 {
		ga.Spec.Name = &theirs.Name
	}
	if known && e.IntN(3) == 0 {
		ga.Spec.IPAddresses = []string{theirs.IPv4[0].String()}
	}
	tags := map[string]string{"aga.k8s.aws/stack": "default/web", "elbv2.k8s.aws/cluster": "my-cluster",
		"aga.k8s.aws/resource": "GlobalAccelerator", "Team": "mal"}
	for k, v := range tags {
		if e.IntN(3) == 0 {
			if ga.Spec.Tags == nil {
				ga.Spec.Tags = map[string]string{}
			}
			ga.Spec.Tags[k] = v
		}
	}
	if e.IntN(3) == 0 {
		ga.Finalizers = []string{naming.AcceleratorFinalizer}
	}
	if e.IntN(3) == 0 {
		ga.Annotations = map[string]string{naming.AcceleratorDeletionProtection: "true"}
	}
	if !e.create(ga) || !known || e.IntN(2) == 0 {
		return
	}
	ga.Status.AcceleratorARN, ga.Status.DNSName = &theirs.ARN, &theirs.DNSName
	e.n.must(e.n.client.Status().Update(e.n.t.Context(), ga))
	e.said = append(e.said, "its status shows "+theirs.ARN)
}

// TestNeighbourChangesNoAccelerator compares the accelerator of a tenant, over edits, a restart and the deletion, with
// and without another tenant, who declares what he likes. No accelerator of his has a load balancer of the tenant.
func TestNeighbourChangesNoAccelerator(t *testing.T) {
	t.Parallel()
	for seed := range uint64(sample.Count(6, 100)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 32))
			restarts := r.IntN(2) == 0
			alone := newNeighbours(t).life(restarts, func() {})
			n := newNeighbours(t)
			n.must(n.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "mal"}}))
			e := &evil{Rand: r, n: n}
			for step, got := range n.life(restarts, e.acts) {
				if got != alone[step] {
					t.Fatalf("step %d:\n%s\nwithout the other tenant:\n%s\nwhose objects are:\n%s", step, got, alone[step],
						strings.Join(e.said, "\n"))
				}
			}
		})
	}
}
