package restart

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

const theirTarget = "10.0.128.77:8080"

// registerTheirs registers a target as the binding of another namespace does.
func registerTheirs(l *lab.Lab, arn string) {
	l.Helper()
	_, err := l.Sim.Balancing.RegisterTargets(l.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: aws.String(arn),
		Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.128.77"), Port: aws.Int32(8080)}}})
	l.Must(err)
}

// move gives Service web's only pod another address.
func move(l *lab.Lab, from, to string) {
	l.Helper()
	for _, o := range lab.Pods("a", from) {
		l.Must(l.Client.Delete(l.Context(), o))
	}
	l.Create(lab.Pods("a", to)...)
}

// unseenLab is a user's target group with a binding of ours and a target of another namespace's binding; keeps has
// checkpoints kept.
func unseenLab(t *testing.T, keeps bool) (l *lab.Lab, arn string) {
	t.Helper()
	l = lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Checkpointed = keeps
	arn = l.TargetGroup(elbtypes.TargetTypeEnumIp)
	registerTheirs(l, arn)
	b := lab.Binding(arn, v1beta1.TargetTypeIP)
	b.Finalizers = []string{naming.BindingFinalizer}
	l.Create(append(lab.Pods("a", "10.0.128.50"), b)...)
	return l, arn
}

func TestBindingDeregistersOnlyOwnTargetsIfOthersAreUnseen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(l *lab.Lab)
		want   []string
	}{
		"it serves": {func(*lab.Lab) {}, []string{"10.0.128.50:8080", theirTarget}},
		"its pod moves": {func(l *lab.Lab) { move(l, "10.0.128.50", "10.0.128.51") },
			[]string{"10.0.128.51:8080", theirTarget}},
		"its pod moves, and what is registered is read again": {func(l *lab.Lab) {
			l.Bound.Registry.Invalidate(registrar.Group{ARN: l.Sim.Resources().TargetGroups[0].ARN})
			l.Settle()
			move(l, "10.0.128.50", "10.0.128.51")
		}, []string{"10.0.128.51:8080", theirTarget}},
		"it goes": {func(l *lab.Lab) {
			l.Must(l.Client.Delete(l.Context(), lab.Binding("", v1beta1.TargetTypeIP)))
		}, []string{theirTarget}},
		"the right is given": {func(l *lab.Lab) {
			l.PassWith(6 * time.Minute) // a second read confirms which targets were there first
			arn := l.Sim.Resources().TargetGroups[0].ARN
			_, err := l.Sim.Balancing.RegisterTargets(l.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: &arn,
				Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.128.78"), Port: aws.Int32(8080)}}})
			l.Must(err)
			l.Bound.Registry.Invalidate(registrar.Group{ARN: arn})
			l.Elsewhere.Live = l.Client
		}, []string{"10.0.128.50:8080", theirTarget}}, // which was there before the binding
		"their target is taken": {func(l *lab.Lab) { move(l, "10.0.128.50", "10.0.128.77") }, []string{theirTarget}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, arn := unseenLab(t, false)
			l.Restrict("shop", unlistable(l.Client))
			l.Settle()
			if again, err := l.Bound.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{
				Namespace: "shop", Name: "bound"}}); again.RequeueAfter == 0 || err != nil {
				t.Errorf("it does not look again: %v, %v", again, err)
			}
			c.change(l)
			l.Settle()
			if got := l.Targets(arn); !slices.Equal(got, c.want) {
				t.Errorf("targets %v, want %v", got, c.want)
			}
			told := strings.Join(l.Events, "\n")
			if name == "the right is given" {
				l.Events = nil
				l.PassWith(25 * time.Minute) // the event of a finding that lasts is repeated
				if again := strings.Join(l.Events, "\n"); strings.Contains(again, "["+string(diag.UnseenBindings)+"]") {
					t.Errorf("after the remedy:\n%s", again)
				}
			}
			if !strings.Contains(told, "["+string(diag.UnseenBindings)+"]") || !strings.Contains(told, theirTarget) ||
				!strings.Contains(told, "list targetgroupbindings.elbv2.k8s.aws in all namespaces") {
				t.Errorf("told:\n%s", told)
			}
		})
	}
}

func TestStackTargetGroupBelongsToItsBindingAlone(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Create(lab.Pods("a", "10.0.128.50")...)
	l.Settle(lab.Key("front"))
	arn := l.Served()
	registerTheirs(l, arn) // somebody, by hand
	l.Restrict("shop", unlistable(l.Client))
	l.Settle(lab.Key("front"))
	if got := l.Targets(arn); !slices.Equal(got, []string{"10.0.128.50:8080"}) {
		t.Errorf("targets %v", got)
	}
	if told := strings.Join(l.Events, "\n"); strings.Contains(told, string(diag.UnseenBindings)) {
		t.Errorf("told:\n%s", told)
	}
}

// TestTargetsOfEarlierProcessOfSameNamespaceAreOurs moves the pod while no process runs.
func TestTargetsOfEarlierProcessOfSameNamespaceAreOurs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(l *lab.Lab) // has the earlier process run
		want   []string
	}{
		"it saw the same namespace": {func(l *lab.Lab) { l.Restrict("shop", unlistable(l.Client)) },
			[]string{"10.0.128.51:8080", theirTarget}},
		"it saw another one": {func(l *lab.Lab) {
			l.Restrict("shop", unlistable(l.Client))
			l.Elsewhere.Namespace = "pay"
		}, []string{"10.0.128.50:8080", "10.0.128.51:8080", theirTarget}},
		"it saw all of them": {func(l *lab.Lab) {
			l.Restart()
			l.Must(l.Client.Delete(l.Context(), lab.Binding("", v1beta1.TargetTypeIP)))
			// as a binding of another namespace that it saw
			other := lab.Binding(l.Sim.Resources().TargetGroups[0].ARN, v1beta1.TargetTypeIP)
			other.Name = "other"
			l.Settle()
			l.Create(other)
		}, []string{"10.0.128.50:8080", "10.0.128.51:8080", theirTarget}}, // which was there before the other binding
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, arn := unseenLab(t, true)
			c.before(l)
			l.Settle()
			l.End()
			l.Elsewhere = bindingpass.NewOtherNamespaces(unlistable(l.Client), "shop", l.Clock.Now, logr.Discard())
			l.Elsewhere.Proceed()
			move(l, "10.0.128.50", "10.0.128.51")
			l.Restart()
			l.Settle()
			if got := l.Targets(arn); !slices.Equal(got, c.want) {
				t.Errorf("targets %v, want %v", got, c.want)
			}
		})
	}
}

// answers is an API server whose answer to a list is set.
type answers struct {
	client.Reader
	mu   sync.Mutex
	list func(ctx context.Context, list *v1beta1.TargetGroupBindingList) error
}

func (a *answers) set(list func(context.Context, *v1beta1.TargetGroupBindingList) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = list
}

// List implements client.Reader.
func (a *answers) List(ctx context.Context, list client.ObjectList, _ ...client.ListOption) error {
	a.mu.Lock()
	answer := a.list
	a.mu.Unlock()
	return answer(ctx, list.(*v1beta1.TargetGroupBindingList))
}

func TestLastAnswerAboutOtherNamespacesOutlivesFailures(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context, _ *v1beta1.TargetGroupBindingList) error { <-ctx.Done(); return ctx.Err() }
	for name, fail := range map[string]func(context.Context, *v1beta1.TargetGroupBindingList) error{
		"the list hangs": hang,
		"the list fails": func(context.Context, *v1beta1.TargetGroupBindingList) error {
			return errors.New("etcdserver: request timed out")
		},
		"the right is lost": func(context.Context, *v1beta1.TargetGroupBindingList) error { return lab.ErrForbidden },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				theirs := lab.Binding("arn:theirs", v1beta1.TargetTypeIP)
				theirs.Namespace, theirs.Spec.Networking = "pay", nil
				answer := func(_ context.Context, list *v1beta1.TargetGroupBindingList) error {
					list.Items = []v1beta1.TargetGroupBinding{*theirs, *lab.Binding("arn:theirs", v1beta1.TargetTypeIP)}
					return nil
				}
				live := &answers{list: answer}
				e := bindingpass.NewOtherNamespaces(live, "shop", time.Now, logr.Discard())
				var news atomic.Int32
				e.OnChange = func(context.Context) { news.Add(1) }
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() { defer close(ended); _ = e.Start(ctx) }()
				check := func(when string, seen int, complete bool) {
					t.Helper()
					began := time.Now()
					list, all := e.List(ctx)
					if len(list) != seen || all != complete || len(e.Of(ctx, "arn:theirs")) != seen ||
						e.MayNeedRules(ctx) == complete {
						t.Errorf("%s: %d bindings, complete %v", when, len(list), all)
					}
					if took := time.Since(began); took > 0 {
						t.Errorf("%s: asking took %v", when, took)
					}
				}
				synctest.Wait()
				check("answered", 1, true)
				time.Sleep(5 * time.Minute)
				check("answered again and again", 1, true)
				if news.Load() != 1 {
					t.Errorf("told %d times of the same answer", news.Load())
				}
				live.set(fail)
				time.Sleep(bindingpass.Lifetime + reads.ListTimeout + time.Second)
				check("unanswered for a while", 1, false)
				time.Sleep(reads.OtherNamespacesLife)
				check("unanswered for long", 0, false)
				live.set(answer)
				time.Sleep(bindingpass.PollInterval + reads.ListTimeout)
				check("answered at last", 1, true)
				if news.Load() != 2 {
					t.Errorf("told %d times", news.Load())
				}
				stop()
				<-ended
			})
		})
	}
}

func TestTheFirstPassesWaitAMomentForAnAnswerAboutOtherNamespaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := bindingpass.NewOtherNamespaces(
			&answers{list: func(ctx context.Context, _ *v1beta1.TargetGroupBindingList) error {
				<-ctx.Done()
				return ctx.Err()
			}}, "shop", time.Now, logr.Discard())
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = e.Start(ctx) }()
		for _, want := range []time.Duration{reads.FirstListWait, 0} {
			began := time.Now()
			if list, complete := e.List(ctx); complete || len(list) > 0 || time.Since(began) != want {
				t.Errorf("complete %v after %v, want %v", complete, time.Since(began), want)
			}
		}
		stop()
		<-ended
	})
}
