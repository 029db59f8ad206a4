package ingresses

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// shardedClass has class alb with the group front, which may have so many load balancers.
func shardedClass(shards int32) []client.Object {
	class := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
		Controller: "ingress.k8s.aws/alb",
		Parameters: &networkingv1.IngressClassParametersReference{APIGroup: ptr.To("elbv2.k8s.aws"),
			Kind: "IngressClassParams", Name: "front"},
	}}
	params := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "front"}}
	params.Spec.Group = &v1beta1.IngressGroup{Name: "front"}
	if shards > 0 {
		params.Spec.Group.Shards = ptr.To(shards)
	}
	return []client.Object{class, params}
}

// shardKeys are the stacks of group front.
func shardKeys(n int) (out []stack.Key) {
	for i := range n {
		out = append(out, front.ShardKey(lab.FrontGroup, i))
	}
	return out
}

// rulesOfShards are the numbers of rules on each load balancer, by its stack.
func rulesOfShards(l *lab.Lab) map[string]int {
	out := map[string]int{}
	for _, lb := range l.Sim.Resources().LoadBalancers {
		n := 0
		for _, x := range lb.Listeners {
			n += len(x.Rules) - 1 // without the default one
		}
		out[lb.Tags["ingress.k8s.aws/stack"]] = n
	}
	return out
}

// showsShards are the names in the status of an Ingress, by the stack of the load balancer.
func showsShards(l *lab.Lab, name string) (out []string) {
	l.Helper()
	var i networkingv1.Ingress
	l.Must(l.Client.Get(l.Context(), client.ObjectKey{Namespace: "shop", Name: name}, &i))
	for _, e := range i.Status.LoadBalancer.Ingress {
		of := "nothing"
		for _, lb := range l.Sim.Resources().LoadBalancers {
			if strings.EqualFold(lb.DNSName, e.Hostname) {
				of = lb.Tags["ingress.k8s.aws/stack"]
			}
		}
		out = append(out, of)
	}
	return out
}

func TestAGroupThatDoesNotFitOnALoadBalancerHasAnother(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, append(shardedClass(2), lab.Service("web"), lab.Paths("old", 80, "web"))...)
	keys := shardKeys(2)
	l.Checkpointed = true
	l.Restart()
	l.Settle(keys...)
	if got := fmt.Sprint(rulesOfShards(l)); got != "map[front:80]" {
		t.Fatalf("a group that fits: %s", got)
	}
	l.Create(lab.Paths("young", 30, "web"))
	l.Settle(keys...)
	if got := fmt.Sprint(rulesOfShards(l)); got != "map[front:100 front_1:10]" {
		t.Fatalf("a group that does not fit: %s", got)
	}
	if got := showsShards(l, "old"); !slices.Equal(got, []string{"front"}) {
		t.Errorf("old shows %v", got)
	}
	if got := showsShards(l, "young"); len(got) != 2 {
		t.Errorf("young shows %v", got)
	}
	told := l.Warnings(0)
	if note := told["Ingress shop/young"]; len(told) != 1 || len(note) != 1 ||
		!strings.Contains(note[0], "its hosts are on 2 load balancers of the group") ||
		!strings.Contains(note[0], "load balancer 2 has young-27.example.com, young-28.example.com, "+
			"young-29.example.com and 7 more") {
		t.Errorf("events %v", told)
	}
	for _, checkpoints := range []bool{true, false} {
		l.End()
		l.Checkpointed = checkpoints
		l.Restart()
		mark := l.Mark()
		l.Settle(keys...)
		if writes := l.Writes(mark); len(writes) > 0 {
			t.Errorf("a start with checkpoints %v writes %v", checkpoints, writes)
		}
	}
	l.Must(l.Client.Delete(l.Context(), &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "young"}}))
	l.Settle(keys...)
	if got := fmt.Sprint(rulesOfShards(l), showsShards(l, "old")); got != "map[front:80] [front]" {
		t.Errorf("without hosts on the second one: %s", got)
	}
	var old networkingv1.Ingress
	l.Must(l.Client.Get(l.Context(), client.ObjectKey{Namespace: "shop", Name: "old"}, &old))
	if !slices.Equal(old.Finalizers, []string{naming.Finalizer(lab.FrontGroup)}) {
		t.Errorf("finalizers %v", old.Finalizers)
	}
	l.Must(l.Client.Delete(l.Context(), &old))
	l.Settle(keys...)
	// that of the cluster goes later
	if left := slices.DeleteFunc(l.Left(), func(x string) bool {
		return strings.HasPrefix(x, "security group k8s-traffic-")
	}); len(left) > 0 {
		t.Errorf("left in AWS: %v", left)
	}
	var all networkingv1.IngressList
	l.Must(l.Client.List(l.Context(), &all))
	if len(all.Items) > 0 {
		t.Errorf("%s is there, with the finalizers %v", all.Items[0].Name, all.Items[0].Finalizers)
	}
}

func TestAHostMovesToItsNewLoadBalancerBeforeItLeavesTheFormerOne(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, append(shardedClass(2), lab.Service("web"), lab.Paths("a", 60, "web"),
		lab.Paths("b", 40, "web"))...)
	keys := shardKeys(2)
	l.Settle(keys...)
	var i networkingv1.Ingress
	l.Must(l.Client.Get(l.Context(), client.ObjectKey{Namespace: "shop", Name: "a"}, &i))
	more := *i.Spec.Rules[0].HTTP.Paths[0].DeepCopy()
	for n := range 5 {
		more.Path = fmt.Sprintf("/more-%d", n)
		more.Backend.Service = more.Backend.Service.DeepCopy()
		i.Spec.Rules[0].HTTP.Paths = append(i.Spec.Rules[0].HTTP.Paths, more)
		if n%2 == 1 { // rules of one host that do the same would be joined
			i.Spec.Rules[0].HTTP.Paths[len(i.Spec.Rules[0].HTTP.Paths)-1].Path += "/x"
		}
	}
	l.Must(l.Client.Update(l.Context(), &i))
	had := false
	for range 100 {
		wait, _ := l.Round(keys...) // AWS refuses what has no room until the host has moved
		rules := rulesOfShards(l)
		if rules["front_1"] > 0 && rules["front"] == 100 {
			had = true
		}
		if wait > 5*time.Minute || wait == 0 {
			break
		}
		l.Clock.Advance(wait)
	}
	if !had {
		t.Errorf("no host was on both load balancers: %v", rulesOfShards(l))
	}
	l.Settle(keys...)
	if got := fmt.Sprint(rulesOfShards(l), showsShards(l, "a"), showsShards(l, "b")); got !=
		"map[front:100 front_1:2] [front] [front front_1]" {
		t.Errorf("in the end: %s", got)
	}
}

// TestACrashWhileAHostMovesLosesNoHost ends a process at calls of a move, without checkpoints.
func TestACrashWhileAHostMovesLosesNoHost(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("six moves of a hundred hosts")
	}
	for _, n := range []int{0, 2, 5, 9, 14, 20} {
		t.Run(fmt.Sprintf("at call %d", n), func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, append(shardedClass(2), lab.Service("web"), lab.Paths("a", 60, "web"),
				lab.Paths("b", 40, "web"))...)
			keys := shardKeys(2)
			l.Settle(keys...)
			var i networkingv1.Ingress
			l.Must(l.Client.Get(l.Context(), client.ObjectKey{Namespace: "shop", Name: "a"}, &i))
			paths := &i.Spec.Rules[0].HTTP.Paths
			for k := range 8 {
				more := *(*paths)[0].DeepCopy()
				more.Path = fmt.Sprintf("/more-%d", k)
				*paths = append(*paths, more)
			}
			l.Must(l.Client.Update(l.Context(), &i))
			l.EndAtCall(n, 20, 10*time.Second, keys...)
			l.Restart()
			for range 8 {
				for range 20 {
					_, _ = l.Round(keys...) // AWS refuses what has no room until hosts have moved
					l.Clock.Advance(5 * time.Second)
				}
			}
			l.Settle(keys...)
			hosts := map[string][]string{}
			for _, lb := range l.Sim.Resources().LoadBalancers {
				for _, r := range lb.Listeners[0].Rules {
					for _, c := range r.Conditions {
						for _, h := range c.Values {
							if c.Field == stack.HostHeader && !slices.Contains(hosts[h], lb.Name) {
								hosts[h] = append(hosts[h], lb.Name)
							}
						}
					}
				}
			}
			for h, on := range hosts {
				if len(on) != 1 {
					t.Errorf("%s is on %v", h, on)
				}
			}
			if len(hosts) != 100 {
				t.Errorf("%d hosts have rules", len(hosts))
			}
			if rules := rulesOfShards(l); rules["front"] > 100 || rules["front_1"] == 0 {
				t.Errorf("rules %v", rules)
			}
		})
	}
}

// TestShardsThatAreSwitchedOffStayAsLongAsTheyAreNeeded has a group with two load balancers that is to have one.
func TestShardsThatAreSwitchedOffStayAsLongAsTheyAreNeeded(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, append(shardedClass(2), lab.Service("web"), lab.Paths("a", 90, "web"),
		lab.Paths("b", 20, "web"))...)
	keys := shardKeys(2)
	l.Settle(keys...)
	var params v1beta1.IngressClassParams
	l.Must(l.Client.Get(l.Context(), client.ObjectKey{Name: "front"}, &params))
	params.Spec.Group.Shards = nil
	l.Must(l.Client.Update(l.Context(), &params))
	l.Restart() // the rules in AWS tell where hosts are
	mark := l.Mark()
	l.Settle(keys...)
	if writes := l.Writes(mark); len(writes) > 0 {
		t.Errorf("hosts that do not fit on one move: %v", writes)
	}
	var i networkingv1.Ingress
	l.Must(l.Client.Get(l.Context(), client.ObjectKey{Namespace: "shop", Name: "a"}, &i))
	i.Spec.Rules = i.Spec.Rules[:40]
	l.Must(l.Client.Update(l.Context(), &i))
	for range 5 { // a move takes a minute
		l.Settle(keys...)
		l.Clock.Advance(time.Minute)
	}
	if got := fmt.Sprint(rulesOfShards(l), showsShards(l, "b")); got != "map[front:60] [front]" {
		t.Errorf("now that all fit: %s", got)
	}
}

func TestWithoutShardsNothingOfAGroupChanges(t *testing.T) {
	t.Parallel()
	calls := map[int32]string{}
	for _, shards := range []int32{0, 1, 2} {
		l := lab.New(t, account.Profile{}, append(shardedClass(shards), lab.Service("web"), lab.Paths("a", 20, "web"))...)
		l.Settle(lab.FrontGroup)
		total, by := l.Counts(0)
		calls[shards] = fmt.Sprint(total, by)
		var i networkingv1.Ingress
		l.Must(l.Client.Get(l.Context(), client.ObjectKey{Namespace: "shop", Name: "a"}, &i))
		if !slices.Equal(i.Finalizers, []string{naming.Finalizer(lab.FrontGroup)}) {
			t.Errorf("%d: finalizers %v", shards, i.Finalizers)
		}
	}
	if calls[0] != calls[1] || calls[0] != calls[2] {
		t.Errorf("calls %v", calls)
	}
}
