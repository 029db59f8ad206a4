package startup

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/degraded"
)

// TestWhatMayHealIsTriedAgainAndReportedOnce has a connection fail for three reasons in turn.
func TestWhatMayHealIsTriedAgainAndReportedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		lacking := gauge{}
		reporter := NewReporter(lacking.set, time.Now, funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{}))
		s := &degraded.Conditions{OnChange: reporter.Changed}
		begun, attempts := time.Now(), 0
		lacks := []degraded.Reason{degraded.Region, degraded.Region, degraded.Region, degraded.Region, degraded.Region, degraded.Region, degraded.Region, degraded.Credentials}
		err := Await(t.Context(), s, []degraded.Reason{degraded.Region, degraded.Credentials, degraded.VPC}, func(context.Context) error {
			if attempts++; attempts > len(lacks) {
				return nil
			}
			return degraded.Condition{Reason: lacks[attempts-1], Text: "no " + string(lacks[attempts-1]), Remedy: "name it"}
		})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took != (1+2+4+8+16+30+30+30)*time.Second {
			t.Errorf("it took %v", took)
		}
		if len(lines) != 4 || !strings.Contains(lines[0], "no region; name it") || !strings.Contains(lines[1], `"recovered" "reason"="region"`) || !strings.Contains(lines[2], "no credentials; name it") {
			t.Errorf("log:\n%s", strings.Join(lines, "\n"))
		}
		if len(s.All()) != 0 {
			t.Errorf("%v", s.All())
		}
		if got := lacking.now(); len(got) != 0 {
			t.Errorf("lbc_degraded of %v", got)
		}
		wrong := errors.New("a flag is wrong")
		if err := Await(t.Context(), s, nil, func(context.Context) error { return wrong }); !errors.Is(err, wrong) {
			t.Errorf("what cannot heal: %v", err)
		}
	})
}

// gauge holds what is lacking.
type gauge map[string]bool

func (g gauge) set(reason string, lacking bool) { g[reason] = lacking }

func (g gauge) now() (out []string) {
	for reason, lacking := range g {
		if lacking {
			out = append(out, reason)
		}
	}
	slices.Sort(out)
	return out
}

// TestAConditionIsAnEventOnTheControllersPodOnceTheAPIServerTakesIt has the API server refuse the first events.
func TestAConditionIsAnEventOnTheControllersPodOnceTheAPIServerTakesIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lacking := gauge{}
		reporter := NewReporter(lacking.set, time.Now, logr.Discard())
		s := &degraded.Conditions{OnChange: reporter.Changed}
		core := fake.NewClientset(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "lbc-0", UID: "u-1"}})
		var mu sync.Mutex
		var got []string
		away := true
		core.PrependReactor("create", "events", func(a clienttesting.Action) (bool, runtime.Object, error) {
			mu.Lock()
			defer mu.Unlock()
			if away {
				return true, nil, errors.New("connection refused")
			}
			e := a.(clienttesting.CreateAction).GetObject().(*corev1.Event) //nolint:forcetypeassert // of the reactor
			got = append(got, string(e.InvolvedObject.UID)+" "+e.Type+" "+e.Reason+" "+e.Message)
			return true, e, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			reporter.Events(ctx, s, core, Pod{"kube-system", "lbc-0"})
		}()
		s.Set(degraded.Condition{Reason: degraded.VPC, Text: "no VPC", Remedy: "name it"})
		time.Sleep(time.Minute)
		if d := cmp.Diff([]string{"vpc"}, lacking.now()); d != "" {
			t.Error(d)
		}
		mu.Lock()
		away = false
		mu.Unlock()
		time.Sleep(repeatInterval + time.Minute) // it lasts
		s.Heal(degraded.VPC)
		time.Sleep(repeatInterval)
		cancel()
		<-ended
		lasting := "u-1 Warning Degraded no VPC; name it"
		if d := cmp.Diff([]string{lasting, lasting, "u-1 Normal Recovered no longer: no VPC"}, got); d != "" {
			t.Error(d)
		}
	})
}

// TestARightThatIsMissingIsReportedUntilItIsGranted refuses a list.
func TestARightThatIsMissingIsReportedUntilItIsGranted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s degraded.Conditions
		core := fake.NewClientset()
		var mu sync.Mutex
		granted := false
		core.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
			mu.Lock()
			defer mu.Unlock()
			review := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview).DeepCopy() //nolint:forcetypeassert // of the reactor
			review.Status.Allowed = granted || review.Spec.ResourceAttributes.Verb == "watch"
			return true, review, nil
		})
		server := &Server{Conditions: &s, Rights: &Rights{Conditions: &s, Reviews: core.AuthorizationV1().SelfSubjectAccessReviews()}}
		refusal := apierrors.NewForbidden(schema.GroupResource{Group: "networking.k8s.io", Resource: "ingresses"}, "", errors.New("no"))
		for range 3 {
			server.WatchFailed(t.Context(), nil, refusal)
		}
		server.Rights.Lease("kube-system", apierrors.NewForbidden(schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}, "x", errors.New("no")))
		time.Sleep(time.Minute)
		want := []degraded.Condition{{Reason: degraded.Rights, Remedy: degraded.GrantRights,
			Text: "the controller's ServiceAccount may not create, get, update leases.coordination.k8s.io in namespace kube-system; nor list, watch ingresses.networking.k8s.io"}}
		if d := cmp.Diff(want, s.All()); d != "" {
			t.Error(d)
		}
		mu.Lock()
		granted = true
		mu.Unlock()
		time.Sleep(pauses.Longest)
		if all := s.All(); len(all) != 1 || strings.Contains(all[0].Text, "ingresses") {
			t.Errorf("after the grant: %v", all)
		}
		server.Rights.Lease("kube-system", nil)
		if len(s.All()) != 0 {
			t.Errorf("%v", s.All())
		}
	})
}

// TestWhatAWSDeniesIsReportedUntilItIsPermittedOrOld observes calls.
func TestWhatAWSDeniesIsReportedUntilItIsPermittedOrOld(t *testing.T) {
	t.Parallel()
	var s degraded.Conditions
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := &Calls{Conditions: &s, Now: func() time.Time { return now }}
	call := func(service, operation, code string) {
		var err error
		if code != "" {
			err = &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &smithy.GenericAPIError{Code: code, Message: "no"}}
		}
		c.Observe(cloud.Call{Service: service, Operation: operation, Err: err})
	}
	texts := func() (out []string) {
		for _, c := range s.All() {
			out = append(out, string(c.Reason)+": "+c.Text)
		}
		return out
	}
	call(cloud.ServiceEC2, "DescribeSubnets", "UnauthorizedOperation")
	call(cloud.ServiceELBV2, "AddTags", "AccessDenied")
	call(cloud.ServiceELBV2, "CreateRule", "PriorityInUse")
	call(cloud.ServiceSTS, "AssumeRole", "AccessDenied")
	if d := cmp.Diff([]string{"permissions: AWS denies the controller's role ec2:DescribeSubnets, elasticloadbalancing:AddTags"}, texts()); d != "" {
		t.Error(d)
	}
	call(cloud.ServiceEC2, "DescribeSubnets", "")
	now = now.Add(denialLife)
	call(cloud.ServiceEC2, "DescribeVpcs", "ExpiredToken")
	if got := texts(); len(got) != 2 || !strings.HasPrefix(got[0], "credentials: AWS does not accept the credentials: ") || got[1] != "permissions: AWS denies the controller's role elasticloadbalancing:AddTags" {
		t.Errorf("%q", got)
	}
	now = now.Add(time.Second)
	c.Sweep()
	call(cloud.ServiceEC2, "DescribeVpcs", "")
	if got := texts(); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// TestADeniedLookForWhatNothingNeedsIsNoCondition has a role for TargetGroupBindings alone look for load balancers.
func TestADeniedLookForWhatNothingNeedsIsNoCondition(t *testing.T) {
	t.Parallel()
	var s degraded.Conditions
	needed := false
	c := &Calls{Conditions: &s, Now: time.Now, Aside: func(c cloud.Call) bool { return c.Cause == cloud.Listing && !needed }}
	deny := func(of cloud.Cause) {
		err := &smithy.OperationError{ServiceID: cloud.ServiceELBV2, OperationName: "DescribeLoadBalancers", Err: &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}}
		c.Observe(cloud.Call{Service: cloud.ServiceELBV2, Operation: "DescribeLoadBalancers", Cause: of, Err: err})
	}
	if deny(cloud.Listing); len(s.All()) > 0 {
		t.Errorf("nothing needs it: %v", s.All())
	}
	if deny("ingress"); len(s.All()) != 1 {
		t.Error("a pass needs it, and it is not reported")
	}
	c.Observe(cloud.Call{Service: cloud.ServiceELBV2, Operation: "DescribeLoadBalancers"})
	needed = true
	if deny(cloud.Listing); len(s.All()) != 1 {
		t.Error("something needs it, and it is not reported")
	}
}

// TestAnAPIServerThatDoesNotAnswerIsACondition ends an API server, and starts one that does not accept the controller.
func TestAnAPIServerThatDoesNotAnswerIsACondition(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	client := discovery.NewDiscoveryClientForConfigOrDie(&rest.Config{Host: srv.URL}).RESTClient()
	s := &Server{Client: client, Host: srv.URL}
	texts := []string{}
	for _, x := range []func(){func() {}, func() { status = http.StatusUnauthorized }, srv.Close} {
		x()
		text := "reachable"
		if err := s.Reachable(t.Context()); err != nil {
			text = err.Error()
		}
		texts = append(texts, text)
	}
	if texts[0] != "reachable" || !strings.Contains(texts[1], "does not accept the controller's credentials") || !strings.Contains(texts[2], "does not answer: dial tcp") ||
		slices.ContainsFunc(texts[1:], func(t string) bool { return !strings.HasSuffix(t, degraded.ReachServer) }) {
		t.Errorf("%q", texts)
	}
}
