package restart

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const hiddenRemedy = "list ingresses.networking.k8s.io in all namespaces"

// hiddenLab is group front of Ingress shop/web and, if theirs is set, pay/api, made by a controller that sees all
// namespaces.
func hiddenLab(t *testing.T, theirs map[string]string) *lab.Lab {
	t.Helper()
	l := lab.New(t, account.Profile{},
		slices.Concat([]client.Object{lab.Class(), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1")},
			lab.Pods("a", "10.0.128.50"),
			lab.GroupMember("shop", "web", 0, map[string]string{"inbound-cidrs": "10.0.0.0/8"}))...)
	if theirs != nil {
		l.Create(lab.GroupMember("pay", "api", 1, theirs)...)
	}
	l.Settle(lab.FrontGroup)
	return l
}

// paths are the paths that the load balancer's rules match, by port.
func paths(l *lab.Lab) map[int32][]string {
	out := map[int32][]string{}
	for _, lb := range l.Sim.Resources().LoadBalancers {
		for _, x := range lb.Listeners {
			out[x.Port] = nil
			for _, r := range x.Rules {
				for _, c := range r.Conditions {
					if c.Field == stack.PathPattern {
						out[x.Port] = append(out[x.Port], c.Values[0])
					}
				}
			}
			slices.Sort(out[x.Port])
		}
	}
	return out
}

// change edits Ingress shop/web.
func change(l *lab.Lab, edit func(*networkingv1.Ingress)) {
	l.Helper()
	i := &networkingv1.Ingress{}
	if !l.Get(i, "web") {
		l.Fatal("there is no Ingress web")
	}
	edit(i)
	l.Must(l.Client.Update(l.Context(), i))
}

func path(to string) func(*networkingv1.Ingress) {
	return func(i *networkingv1.Ingress) { i.Spec.Rules[0].HTTP.Paths[0].Path = to }
}

func annotate(key, value string) func(*networkingv1.Ingress) {
	return func(i *networkingv1.Ingress) { i.Annotations["alb.ingress.kubernetes.io/"+key] = value }
}

// views are the answers of an API server about other namespaces, with what tells of them.
func views() map[string]struct {
	live func(client.Client) client.Reader
	told string
} {
	return map[string]struct {
		live func(client.Client) client.Reader
		told string
	}{
		"the API server tells":         {func(c client.Client) client.Reader { return c }, "pay/api"},
		"the API server does not tell": {unlistable, hiddenRemedy},
	}
}

func TestHiddenMembersKeepTheirPartsWhileGroupIsEdited(t *testing.T) {
	t.Parallel()
	for name, view := range views() {
		for what, c := range map[string]struct {
			theirs map[string]string
			change func(l *lab.Lab)
			paths  map[int32][]string
			writes []string
		}{
			"nothing changes": {map[string]string{"listen-ports": `[{"HTTP": 80}, {"HTTP": 8080}]`}, func(*lab.Lab) {},
				map[int32][]string{80: {"/api", "/web"}, 8080: {"/api"}}, nil},
			"a route is edited": {map[string]string{}, func(l *lab.Lab) { change(l, path("/new")) }, map[int32][]string{
				80: {"/api", "/new"}}, []string{"ModifyRule", "CreateRule", "DeleteRule"}},
			"a route gets the path of theirs": {map[string]string{}, func(l *lab.Lab) { change(l, path("/api")) },
				map[int32][]string{80: {"/api", "/api"}}, []string{"CreateRule", "DeleteRule", "ModifyRule"}},
			"settings are edited": {map[string]string{}, func(l *lab.Lab) {
				change(l, annotate("inbound-cidrs", "0.0.0.0/0"))
				change(l, annotate("scheme", "internet-facing"))
				change(l, annotate("listen-ports", `[{"HTTP": 81}]`))
			}, map[int32][]string{80: {"/api", "/web"}}, nil},
			"the member that is seen goes": {map[string]string{"listen-ports": `[{"HTTP": 80}, {"HTTP": 8080}]`},
				func(l *lab.Lab) {
					l.Must(l.Client.Delete(l.Context(), &networkingv1.Ingress{ObjectMeta: lab.Ingress("web", nil).ObjectMeta}))
				}, map[int32][]string{80: {"/api"}, 8080: {"/api"}}, []string{"DeleteRule", "DeleteTargetGroup",
					"DeregisterTargets"}},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				l := hiddenLab(t, c.theirs)
				before := l.Sim.Resources()
				l.Restrict("shop", view.live(l.Client))
				mark := l.Mark()
				l.Settle(lab.FrontGroup)
				if w := l.Writes(mark); len(w) > 0 {
					t.Errorf("written at the start: %v", w)
				}
				c.change(l)
				l.Settle(lab.FrontGroup)
				if got := paths(l); !maps.EqualFunc(got, c.paths, slices.Equal) {
					t.Errorf("paths %v, want %v", got, c.paths)
				}
				for _, w := range l.Writes(mark) {
					if !slices.Contains(c.writes, w) {
						t.Errorf("written: %s", w)
					}
				}
				after := l.Sim.Resources()
				if len(after.LoadBalancers) != 1 || after.LoadBalancers[0].ARN != before.LoadBalancers[0].ARN ||
					len(after.SecurityGroups) != len(before.SecurityGroups) {
					t.Errorf("load balancers %+v", after.LoadBalancers)
				}
				if told := strings.Join(l.Events, "\n"); !strings.Contains(told, "["+string(diag.UnseenMembers)+"]") ||
					!strings.Contains(told, view.told) {
					t.Errorf("told:\n%s", told)
				}
				if l.Get(&networkingv1.Ingress{}, "web") == (what == "the member that is seen goes") {
					t.Error("the Ingress is held, or gone")
				}
			})
		}
	}
}

// TestAGroupWithoutHiddenMembersIsServedWhole does, with a view of one namespace, what a controller with a view of all
// does.
func TestAGroupWithoutHiddenMembersIsServedWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ other func(l *lab.Lab) }{
		"there is nothing in other namespaces": {func(*lab.Lab) {}},
		"an Ingress of another group is there": {func(l *lab.Lab) {
			o := lab.GroupMember("pay", "api", 1, nil)
			o[1].SetAnnotations(map[string]string{"alb.ingress.kubernetes.io/group.name": "other"})
			o[1].SetFinalizers([]string{"group.ingress.k8s.aws/other"})
			l.Create(o...)
		}},
		"an Ingress of another namespace never was served": {func(l *lab.Lab) {
			l.Create(lab.GroupMember("pay", "api", 1, nil)...)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reads := func(restricted bool) int {
				l := hiddenLab(t, nil)
				c.other(l)
				if restricted {
					l.Restrict("shop", l.Client)
				} else {
					l.Restart()
					l.Client = l.OnlyNamespace(l.Client, "shop", l.Client)
					l.Ingresses.Client = l.Client
				}
				mark := l.Mark()
				l.Settle(lab.FrontGroup)
				change(l, annotate("inbound-cidrs", "192.0.2.0/24"))
				change(l, path("/new"))
				l.Settle(lab.FrontGroup)
				if got := l.Sim.Resources().SecurityGroups; !slices.ContainsFunc(got, func(g simclient.SecurityGroup) bool {
					return slices.ContainsFunc(g.Ingress, func(r simclient.Permission) bool { return r.Peer == "192.0.2.0/24" })
				}) {
					t.Errorf("restricted %v: the range is not admitted", restricted)
				}
				calls := l.Mark() - mark
				l.Must(l.Client.Delete(t.Context(), &networkingv1.Ingress{ObjectMeta: lab.Ingress("web", nil).ObjectMeta}))
				l.Settle(lab.FrontGroup)
				if lbs := l.Sim.Resources().LoadBalancers; len(lbs) > 0 || strings.Contains(strings.Join(l.Events, "\n"),
					string(diag.UnseenMembers)) {
					t.Errorf("restricted %v: %d load balancers are left, told:\n%s", restricted, len(lbs),
						strings.Join(l.Events, "\n"))
				}
				return int(calls)
			}
			if with, without := reads(true), reads(false); with > without {
				t.Errorf("%d calls, %d without the restriction", with, without)
			}
		})
	}
}

func TestAGroupWithoutALoadBalancerIsMadeThoughMembersAreHidden(t *testing.T) {
	t.Parallel()
	for name, view := range views() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, slices.Concat([]client.Object{lab.Class()}, lab.GroupMember("shop", "web", 0,
				nil), lab.GroupMember("pay", "api", 1, nil))...)
			l.Restrict("shop", view.live(l.Client))
			l.Settle(lab.FrontGroup)
			if got := paths(l); !maps.EqualFunc(got, map[int32][]string{80: {"/web"}}, slices.Equal) {
				t.Errorf("paths %v", got)
			}
		})
	}
}

func TestHiddenMembersAreAskedForOnlyWhereThereIsAnExplicitGroup(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	asked := 0
	live := &countedLists{Reader: l.Client, lists: &asked}
	l.Restrict("shop", live)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.Ingresses.Hidden.Start(ctx) }()
	if _, err := l.Ingresses.Reconcile(t.Context(), lab.Key("web")); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-ended; err != nil || asked > 0 {
		t.Errorf("asked %d times, %v", asked, err)
	}
	if l.Ingresses.Hidden.Started() {
		t.Error("it begins to ask")
	}
	if u := l.Ingresses.Hidden.Unseen(t.Context(), lab.FrontGroup.ID); u == nil {
		t.Error("who nobody has asked for is known")
	}
	if !l.Ingresses.Hidden.Started() {
		t.Error("it does not begin to ask")
	}
}

// countedLists counts lists.
type countedLists struct {
	client.Reader
	lists *int
}

// List implements client.Reader.
func (c *countedLists) List(context.Context, client.ObjectList, ...client.ListOption) error {
	*c.lists++
	return errors.New("not now")
}
