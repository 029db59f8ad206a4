package tenants

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// hugePaths is an Ingress of mal with so many paths.
func hugePaths(n int, annotations map[string]string) []client.Object {
	svc := lab.Service("evil")
	svc.Namespace = "mal"
	i := lab.Paths("evil", n, "evil")
	i.Namespace = "mal"
	delete(i.Annotations, "alb.ingress.kubernetes.io/group.name")
	for k, v := range annotations {
		i.Annotations["alb.ingress.kubernetes.io/"+k] = v
	}
	return []client.Object{svc, i}
}

// hugeTLS is an Ingress of mal with so many hosts in spec.tls.
func hugeTLS(hosts int, annotations map[string]string) []client.Object {
	all := hugePaths(1, annotations)
	i, _ := all[1].(*networkingv1.Ingress)
	i.Annotations["alb.ingress.kubernetes.io/listen-ports"] = `[{"HTTP":80},{"HTTPS":443}]`
	i.Spec.TLS = []networkingv1.IngressTLS{{}}
	for n := range hosts {
		i.Spec.TLS[0].Hosts = append(i.Spec.TLS[0].Hosts, fmt.Sprintf("h%d.example.com", n))
	}
	return all
}

// hugeService is a Service of mal with so many source ranges and ports.
func hugeService(ranges int, ports int32) client.Object {
	var all []int32
	for p := range ports {
		all = append(all, 7000+p)
	}
	s := lab.Sharing("evil", all...)
	s.Namespace, s.UID = "mal", "uid-mal-evil"
	for i := range s.Spec.Ports {
		s.Spec.Ports[i].Name = fmt.Sprint("p", i)
	}
	for i := range ranges {
		s.Spec.LoadBalancerSourceRanges = append(s.Spec.LoadBalancerSourceRanges,
			fmt.Sprintf("%d.%d.%d.%d/32", 20+i/65536, i/256%256, i%256, i*7%256))
	}
	return s
}

func without(annotation string, o client.Object) client.Object {
	delete(o.GetAnnotations(), annotation)
	return o
}

// ofEvilService is the stack of Service mal/evil alone.
var ofEvilService = stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: "mal", Name: "evil"}}

// edited makes an edit of Ingress web and passes over its stack until nothing is written any more. It returns the
// calls to AWS, and how many passes there were.
func edited(l *lab.Lab, key stack.Key, path string) (calls []string, passes int) {
	l.Helper()
	mark := l.Mark()
	l.Edit("web", func(i *networkingv1.Ingress) { i.Spec.Rules[0].HTTP.Paths[0].Path = path })
	for quiet := false; !quiet; passes++ {
		before := l.Mark()
		r, err := l.Ingresses.Reconcile(l.Context(), key)
		if quiet = len(l.Writes(before)) == 0 && err == nil; !errors.Is(err, queue.ErrRequeue) {
			l.Must(err)
		}
		if passes > 20 {
			l.Fatalf("passes do not end, after %v", r.RequeueAfter)
		}
	}
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
		calls = append(calls, c.Action)
	}
	slices.Sort(calls)
	return calls, passes
}

// TestHugeObjectCostsOthersNothing has a tenant declare objects that are as large as etcd takes. An edit of another
// tenant takes as many passes and calls as without them, concerns no stack of theirs, and theirs do not ask for passes.
// What one pass over them takes is bounded by TestAMegabyteOfAnIngressTakesLittle and others like it.
func TestHugeObjectCostsOthersNothing(t *testing.T) {
	t.Parallel()
	var ranges strings.Builder
	for i := range 12_000 {
		fmt.Fprintf(&ranges, "%d.%d.%d.0/24,", 20+i/65536, i/256%256, i%256)
	}
	group := map[string]string{"group.name": "front"}
	for name, c := range map[string]struct {
		huge    []client.Object
		of      stack.Key
		grouped bool // the huge object is in the group of the other tenant
	}{
		"paths that are refused":     {huge: hugePaths(6_000, nil), of: ofEvil},
		"paths beyond the quota":     {huge: hugePaths(1_500, nil), of: ofEvil},
		"source ranges":              {huge: hugePaths(1, map[string]string{"inbound-cidrs": ranges.String()}), of: ofEvil},
		"ports and ranges":           {huge: []client.Object{without(lab.ServiceGroup, hugeService(5_000, 40))}, of: ofEvilService},
		"hosts of certificates":      {huge: hugeTLS(40_000, nil), of: ofEvil},
		"certificates of a member":   {huge: hugeTLS(40_000, group), of: lab.FrontGroup, grouped: true},
		"paths of a member, refused": {huge: hugePaths(6_000, group), of: lab.FrontGroup, grouped: true},
		"source ranges of a member": {huge: hugePaths(1, map[string]string{"group.name": "front",
			"inbound-cidrs": ranges.String()}), of: lab.FrontGroup, grouped: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := func(more ...client.Object) (*lab.Lab, []string, int) {
				l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, nil), lab.Class())...)
				l.Settle(lab.FrontGroup)
				l.Create(more...)
				for range 4 { // what is refused may be tried again
					_, _ = l.ReconcilerOf(c.of).Reconcile(t.Context(), c.of)
					_, _ = l.Ingresses.Reconcile(t.Context(), lab.FrontGroup)
				}
				calls, passes := edited(l, lab.FrontGroup, "/edited")
				return l, calls, passes
			}
			_, alone, passes := start()
			l, beside, n := start(c.huge...)
			if d := cmp.Diff(alone, beside); d != "" || n != passes {
				t.Errorf("%d passes, without the other tenant %d; calls: %s\n%s", n, passes, d, strings.Join(l.Events, "\n"))
			}
			change := objects.Change{Kind: objects.Ingress, Namespace: "shop", Name: "web"}
			if woken := l.ReconcilerOf(c.of).Index.Affected(change); !c.grouped && slices.Contains(woken, c.of) {
				t.Errorf("the edit queues %v", woken)
			}
			mark := l.Mark()
			r, err := l.ReconcilerOf(c.of).Reconcile(t.Context(), c.of)
			if w := l.Writes(mark); len(w) > 0 || err != nil || r.RequeueAfter > 0 && r.RequeueAfter < time.Minute {
				t.Errorf("a pass over the huge object asks for another one after %v, writes %v: %v", r.RequeueAfter, w, err)
			}
		})
	}
}
