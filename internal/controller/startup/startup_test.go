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

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// TestWhatMayHealIsTriedAgainAndReportedOnce has a connection fail for three reasons in turn.
func TestWhatMayHealIsTriedAgainAndReportedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		lacking := gauge{}
		reporter := NewReporter(lacking.set, time.Now, funcr.New(func(_, args string) { lines = append(lines, args) },
			funcr.Options{}))
		s := &impairment.Conditions{OnChange: reporter.Changed}
		begun, attempts := time.Now(), 0
		lacks := []impairment.Reason{impairment.Region, impairment.Region, impairment.Region, impairment.Region,
			impairment.Region, impairment.Region, impairment.Region, impairment.Credentials}
		err := Await(t.Context(), s, []impairment.Reason{impairment.Region, impairment.Credentials, impairment.VPC},
			func(context.Context) error {
				if attempts++; attempts > len(lacks) {
					return nil
				}
				return impairment.Condition{Reason: lacks[attempts-1], Text: "no " + string(lacks[attempts-1]), Remedy: "name it"}
			})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took != (1+2+4+8+16+30+30+30)*time.Second {
			t.Errorf("it took %v", took)
		}
		if len(lines) != 4 || !strings.Contains(lines[0], "no region; name it") ||
			!strings.Contains(lines[1], `"recovered" "reason"="region"`) ||
			!strings.Contains(lines[2], "no credentials; name it") {
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

// TestConditionBecomesEventOnControllersPod has the API server refuse the first events.
func TestConditionBecomesEventOnControllersPod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lacking := gauge{}
		reporter := NewReporter(lacking.set, time.Now, logr.Discard())
		s := &impairment.Conditions{OnChange: reporter.Changed}
		core := fake.NewClientset(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "lbc-0",
			UID: "u-1"}})
		var mu sync.Mutex
		var got []string
		away := true
		core.PrependReactor("create", "events", func(a clienttesting.Action) (bool, runtime.Object, error) {
			mu.Lock()
			defer mu.Unlock()
			if away {
				return true, nil, errors.New("connection refused")
			}
			e := a.(clienttesting.CreateAction).GetObject().(*corev1.Event)
			got = append(got, string(e.InvolvedObject.UID)+" "+e.Type+" "+e.Reason+" "+e.Message)
			return true, e, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			reporter.Events(ctx, s, core, Pod{"kube-system", "lbc-0"})
		}()
		s.Set(impairment.Condition{Reason: impairment.VPC, Text: "no VPC", Remedy: "name it"})
		time.Sleep(time.Minute)
		if d := cmp.Diff([]string{"vpc"}, lacking.now()); d != "" {
			t.Error(d)
		}
		mu.Lock()
		away = false
		mu.Unlock()
		time.Sleep(repeatInterval + time.Minute) // it lasts
		s.Heal(impairment.VPC)
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
		var s impairment.Conditions
		core := fake.NewClientset()
		var mu sync.Mutex
		granted := false
		core.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
			mu.Lock()
			defer mu.Unlock()
			review := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
			review.Status.Allowed = granted || review.Spec.ResourceAttributes.Verb == "watch"
			return true, review, nil
		})
		server := &Server{Conditions: &s, Rights: &Rights{
			Conditions: &s, Reviews: core.AuthorizationV1().SelfSubjectAccessReviews()}}
		refusal := apierrors.NewForbidden(schema.GroupResource{Group: "networking.k8s.io", Resource: "ingresses"}, "",
			errors.New("no"))
		for range 3 {
			server.WatchFailed(t.Context(), nil, refusal)
		}
		server.Rights.Lease("kube-system", apierrors.NewForbidden(schema.GroupResource{Group: "coordination.k8s.io",
			Resource: "leases"}, "x", errors.New("no")))
		time.Sleep(time.Minute)
		want := []impairment.Condition{{Reason: impairment.Rights, Remedy: impairment.GrantRights,
			Text: "the controller's ServiceAccount may not create, get, update leases.coordination.k8s.io in namespace " +
				"kube-system; nor list, watch ingresses.networking.k8s.io"}}
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
	var s impairment.Conditions
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := &Calls{Conditions: &s, Now: func() time.Time { return now }}
	call := func(service, operation, code string) {
		var err error
		if code != "" {
			err = &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &smithy.GenericAPIError{
				Code: code, Message: "no"}}
		}
		c.Observe(awsclient.Call{Service: service, Operation: operation, Err: err})
	}
	texts := func() (out []string) {
		for _, c := range s.All() {
			out = append(out, string(c.Reason)+": "+c.Text)
		}
		return out
	}
	call(awsclient.ServiceEC2, "DescribeSubnets", "UnauthorizedOperation")
	call(awsclient.ServiceELBV2, "AddTags", "AccessDenied")
	call(awsclient.ServiceELBV2, "CreateRule", "PriorityInUse")
	call(awsclient.ServiceSTS, "AssumeRole", "AccessDenied")
	if d := cmp.Diff([]string{"permissions: AWS denies the controller's role ec2:DescribeSubnets, " +
		"elasticloadbalancing:AddTags"}, texts()); d != "" {
		t.Error(d)
	}
	call(awsclient.ServiceEC2, "DescribeSubnets", "")
	now = now.Add(settledFor)
	c.Sweep()
	now = now.Add(denialLife - settledFor)
	call(awsclient.ServiceEC2, "DescribeVpcs", "ExpiredToken")
	if got := texts(); len(got) != 2 || !strings.HasPrefix(got[0], "credentials: AWS does not accept the credentials: ") ||
		got[1] != "permissions: AWS denies the controller's role elasticloadbalancing:AddTags" {
		t.Errorf("%q", got)
	}
	now = now.Add(time.Second)
	c.Sweep()
	call(awsclient.ServiceEC2, "DescribeVpcs", "")
	if got := texts(); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// TestADeniedLookForWhatNothingNeedsIsNoCondition has a role for TargetGroupBindings alone look for load balancers.
func TestADeniedLookForWhatNothingNeedsIsNoCondition(t *testing.T) {
	t.Parallel()
	var s impairment.Conditions
	needed := false
	c := &Calls{Conditions: &s, Now: time.Now, Aside: func(c awsclient.Call) bool {
		return c.Cause == awsclient.Listing && !needed
	}}
	deny := func(of awsclient.Cause) {
		err := &smithy.OperationError{ServiceID: awsclient.ServiceELBV2, OperationName: "DescribeLoadBalancers",
			Err: &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}}
		c.Observe(awsclient.Call{Service: awsclient.ServiceELBV2, Operation: "DescribeLoadBalancers", Cause: of, Err: err})
	}
	if deny(awsclient.Listing); len(s.All()) > 0 {
		t.Errorf("nothing needs it: %v", s.All())
	}
	if deny("ingress"); len(s.All()) != 1 {
		t.Error("a pass needs it, and it is not reported")
	}
	c.Observe(awsclient.Call{Service: awsclient.ServiceELBV2, Operation: "DescribeLoadBalancers"})
	needed = true
	if deny(awsclient.Listing); len(s.All()) != 1 {
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
	if texts[0] != "reachable" || !strings.Contains(texts[1], "does not accept the controller's credentials") ||
		!strings.Contains(texts[2], "does not answer: dial tcp") ||
		slices.ContainsFunc(texts[1:], func(t string) bool { return !strings.HasSuffix(t, impairment.ReachServer) }) {
		t.Errorf("%q", texts)
	}
}
