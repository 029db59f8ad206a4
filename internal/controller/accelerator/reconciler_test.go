package accelerator

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	simaccount "github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/accelerator/account"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// example is the object of chapter 60, 15, with its Service.
func example(t *testing.T) *world {
	t.Helper()
	ga := object(nil, endpoint(agav1beta1.EndpointService, "", "web"))
	ga.Spec.Tags = map[string]string{"team": "blue"}
	ga.Spec.Listeners[0].EndpointGroups[0].PortOverrides = []agav1beta1.PortOverride{
		{ListenerPort: 80, EndpointPort: 8080}}
	w := newWorld(t, ga, service("default", "web", "k8s-default-web-1a2b", 80, 81))
	w.balancer("k8s-default-web-1a2b")
	return w
}

const exampleTree = `k8s_default_web_7c08a053f829eb4715cb5495d IPV4 true
 TCP NONE 80-81
  us-west-2 100 80:8080
   loadbalancer/net/k8s-default-web-1a2b/50dc 128 true
`

// steady is how many calls a pass makes that changes nothing.
func (w *world) steady() {
	w.t.Helper()
	w.called()
	w.settle()
	w.want("calls of a pass that changes nothing", w.called(), "")
}

func TestTheWorkedExampleCallByCall(t *testing.T) {
	t.Parallel()
	w := example(t)
	if _, err := w.pass(); err != nil {
		t.Fatal(err)
	}
	// Chapter 60, 15, without its lists of what was just created; the first list looks for an accelerator with the tags of
	// the object.
	w.want("calls", w.called(), "DescribeLoadBalancers DescribeTags ListAccelerators CreateAccelerator CreateListener "+
		"CreateEndpointGroup AddEndpoints")
	w.want("account", w.accelerators(), exampleTree)
	w.sim.Account.Lock()
	x := w.sim.Account.AcceleratorsInOrder()[0]
	for k, v := range map[string]string{
		"aga.k8s.aws/resource": "GlobalAccelerator", "aga.k8s.aws/stack": "default/web",
		"elbv2.k8s.aws/cluster": "my-cluster", "elbv2.k8s.aws/cluster-region": "us-west-2", "team": "blue",
	} {
		if x.Tags[k] != v {
			t.Errorf("tag %s: %q, want %q", k, x.Tags[k], v)
		}
	}
	_, token := w.sim.Account.Idempotent("CreateAccelerator", "7e1f")
	w.sim.Account.Unlock()
	if !token {
		t.Error("the UID of the object was not the token")
	}
	ga := w.get()
	ready := meta.FindStatusCondition(ga.Status.Conditions, "Ready")
	if *ga.Status.AcceleratorARN != x.ARN || *ga.Status.DNSName != x.DNSName || *ga.Status.Status != "IN_PROGRESS" ||
		len(ga.Status.IPSets[0].IPAddresses) != 2 ||
		ready.Status != "Unknown" || ready.Reason != "AcceleratorProvisioning" || *ga.Status.ObservedGeneration != 1 {
		t.Errorf("status: %+v", ga.Status)
	}
	w.want("events", w.told(), "")
	w.settle()
	ga = w.get()
	ready = meta.FindStatusCondition(ga.Status.Conditions, "Ready")
	if *ga.Status.Status != "DEPLOYED" || ready.Status != "True" || ready.Reason != "AcceleratorReady" ||
		ready.Message != "GlobalAccelerator is ready and available" {
		t.Errorf("status: %+v", ga.Status)
	}
	w.want("events", w.told(), "Normal SuccessfullyReconciled: Successfully reconciled")
	w.steady()
	w.want("events of passes that change nothing", w.told(), "")

	// The Service gets a port: the listener is changed in place, and the status shows that AWS deploys it.
	s := service("default", "web", "k8s-default-web-1a2b", 80, 81, 443)
	w.must(w.client.Status().Update(t.Context(), s))
	if _, err := w.pass(); err != nil {
		t.Fatal(err)
	}
	w.want("calls", w.called(), "UpdateListener")
	w.want("status", *w.get().Status.Status, "IN_PROGRESS")
	w.settle()
	w.want("account", w.accelerators(), strings.Replace(exampleTree, "80-81", "80-81 443-443", 1))
	w.steady()

	w.restart()
	w.settle()
	w.want("calls after a restart", w.called(), "DescribeLoadBalancers DescribeTags ListAccelerators "+
		"ListTagsForResource ListListeners ListEndpointGroups")
}

func TestAnAcceleratorWhoseARNTheStatusLostIsFoundByItsTags(t *testing.T) {
	t.Parallel()
	w := example(t)
	w.settle()
	for _, lost := range []string{"by a restore of a backup", "and its name and tags were edited"} {
		ga := w.get()
		ga.Status = agav1beta1.GlobalAcceleratorStatus{}
		w.must(w.client.Status().Update(t.Context(), ga))
		if strings.Contains(lost, "edited") {
			w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Spec.Tags["team"] = "red" })
		}
		w.restart()
		w.settle()
		w.want(lost, w.accelerators(), exampleTree)
	}
	if w.get().Status.AcceleratorARN == nil {
		t.Error("the status does not show it")
	}
}

func TestTheARNIsStoredBeforeAnythingBelowTheAcceleratorIsMade(t *testing.T) {
	t.Parallel()
	w := example(t)
	w.refuse = func(action string) error {
		if action == "CreateListener" {
			if w.get().Status.AcceleratorARN == nil {
				t.Error("the status does not show the accelerator")
			}
			return &smithy.GenericAPIError{Code: "InternalServiceErrorException", Message: "no"}
		}
		return nil
	}
	if _, err := w.pass(); err == nil {
		t.Error("the failure is not tried again")
	}
	w.refuse = nil
	w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Spec.Name = to("other"); ga.Spec.Tags = nil })
	w.restart()
	w.settle()
	w.want("account", w.accelerators(), strings.Replace(exampleTree, "k8s_default_web_7c08a053f829eb4715cb5495d",
		"other", 1))
}

func TestWhateverCallFailsNothingLeaksAndTheEndIsTheSame(t *testing.T) {
	t.Parallel()
	for i, action := range []string{
		"DescribeLoadBalancers", "DescribeTags", "ListAccelerators", "CreateAccelerator", "CreateListener",
		"CreateEndpointGroup", "AddEndpoints", "DescribeAccelerator", "UpdateListener", "UpdateAccelerator",
		"DeleteEndpointGroup", "DeleteListener", "DeleteAccelerator", "ListTagsForResource", "ListListeners",
		"ListEndpointGroups",
	} {
		w := example(t)
		failed, ends := false, i%2 == 1 || strings.HasPrefix(action, "List")
		w.refuse = func(a string) error {
			if a != action || failed {
				return nil
			}
			failed = true
			return &smithy.GenericAPIError{Code: "InternalServiceErrorException", Message: "try again"}
		}
		insist := func(done func() bool) {
			for range 60 {
				before := failed
				r, _ := w.pass()
				if ends && failed != before || ends && strings.HasPrefix(action, "List") { // and the process ends
					w.restart()
				}
				if done() {
					return
				}
				w.clock.Advance(max(r.RequeueAfter%(5*time.Minute), 5*time.Second))
			}
			t.Errorf("%s: it does not end: %s", action, w.accelerators())
		}
		deployed := func() bool { s := w.get().Status.Status; return s != nil && *s == "DEPLOYED" }
		insist(deployed)
		w.must(w.client.Status().Update(t.Context(), service("default", "web", "k8s-default-web-1a2b", 80, 81, 443)))
		insist(func() bool { return strings.Contains(w.accelerators(), "443-443") && deployed() })
		w.must(w.client.Delete(t.Context(), w.get()))
		insist(func() bool {
			return apierrors.IsNotFound(w.client.Get(t.Context(), name, &agav1beta1.GlobalAccelerator{}))
		})
		w.want("what is left after a failed "+action, w.accelerators(), "")
		if !failed {
			t.Errorf("%s was not called", action)
		}
	}
}

func TestDeletionWaitsUntilAWSDisablesAccelerator(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"kept", "lost"} {
		w := example(t)
		w.settle()
		w.told()
		if status == "lost" {
			ga := w.get()
			ga.Status = agav1beta1.GlobalAcceleratorStatus{}
			w.must(w.client.Status().Update(t.Context(), ga))
			w.restart()
		}
		w.must(w.client.Delete(t.Context(), w.get()))
		r, err := w.pass()
		if err != nil || r.RequeueAfter == 0 {
			t.Errorf("%v, %v", r, err)
		}
		ga := w.get()
		ready, disabling := meta.FindStatusCondition(ga.Status.Conditions, "Ready"),
			meta.FindStatusCondition(ga.Status.Conditions, "AcceleratorDisabling")
		if *ga.Status.Status != "DELETING" || ready.Status != "False" || ready.Reason != "AcceleratorDeleting" ||
			disabling == nil || disabling.Status != "True" {
			t.Errorf("status: %+v", ga.Status)
		}
		if !strings.Contains(w.accelerators(), "80-81") {
			t.Error("listeners are deleted before AWS has disabled the accelerator")
		}
		w.settle()
		w.want("account", w.accelerators(), "")
		if err := w.client.Get(t.Context(), name, ga); !apierrors.IsNotFound(err) {
			t.Errorf("the object stays: %v", err)
		}
		if told := w.told(); strings.Contains(told, "Warning") ||
			!strings.Contains(told, "Normal Note: AWS disables the accelerator before it can be deleted") {
			t.Errorf("events:\n%s", told)
		}
	}
}

func TestEachStageOfAPassAndEachStepIsCounted(t *testing.T) {
	t.Parallel()
	w := example(t)
	if _, err := w.pass(); err != nil {
		t.Fatal(err)
	}
	w.want("stages", strings.Join(w.counted("awslbc_controller_reconcile_stage_duration", "reconcile_stage"), ", "),
		"add_finalizers 1, build_model 1, deploy_stack 1, fetch_globalAccelerator 1, reconcile_globalaccelerator 1")
	w.want("steps", strings.Join(w.counted("lbc_plan_steps_total", "operation"), ", "),
		"AddEndpoints 1, CreateAccelerator 1, CreateEndpointGroup 1, CreateListener 1")
	w.want("error categories", strings.Join(w.counted("awslbc_controller_reconcile_errors_total", "error_category"), ", "),
		"")
}

// TestAcceleratorWithItsTagsAgainIsManaged gives an accelerator the tags of its object again.
func TestAcceleratorWithItsTagsAgainIsManaged(t *testing.T) {
	t.Parallel()
	w := example(t)
	w.settle()
	tag := func(cluster string) (before string) {
		w.sim.Account.Lock()
		defer w.sim.Account.Unlock()
		tags := w.sim.Account.AcceleratorsInOrder()[0].Tags
		before, tags["elbv2.k8s.aws/cluster"] = tags["elbv2.k8s.aws/cluster"], cluster
		return before
	}
	own := tag("other")
	w.restart()
	w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Spec.Name = to("mine") })
	if _, err := w.pass(); err == nil || !strings.Contains(w.told(), "["+string(diag.AcceleratorNotOwned)+"]") {
		t.Fatalf("another cluster has it: %v", err)
	}
	tag(own)
	w.clock.Advance(time.Hour)
	w.settle()
	if told := w.told(); strings.Contains(told, "["+string(diag.AcceleratorNotOwned)+"]") ||
		!strings.Contains(w.accelerators(), "mine") {
		t.Errorf("events: %s\n%s", told, w.accelerators())
	}
}

func TestRefusedDeletionOfAcceleratorIsReportedAndRetried(t *testing.T) {
	t.Parallel()
	w := example(t)
	w.settle()
	w.told()
	w.refuse = func(action string) error {
		if action == "UpdateAccelerator" {
			return &smithy.GenericAPIError{Code: "AccessDeniedException",
				Message: "not authorized to perform: globalaccelerator:UpdateAccelerator"}
		}
		return nil
	}
	w.must(w.client.Delete(t.Context(), w.get()))
	if _, err := w.pass(); err == nil {
		t.Error("it is not tried again")
	}
	told := w.told()
	if !strings.Contains(told, "Warning FailedCleanup: ") || !strings.Contains(told, "[AcceleratorNotDeleted]") ||
		!strings.Contains(told, "globalaccelerator:UpdateAccelerator") {
		t.Errorf("events: %s", told)
	}
	if c := meta.FindStatusCondition(w.get().Status.Conditions, "Ready"); c.Reason != "DeploymentFailed" ||
		!strings.Contains(c.Message, "globalaccelerator:UpdateAccelerator") {
		t.Errorf("condition: %+v", c)
	}
	w.want("error categories", strings.Join(w.counted("awslbc_controller_reconcile_errors_total", "error_category"), ", "),
		"reconcile_globalaccelerator_error 1")
	w.want("findings", strings.Join(w.counted("lbc_findings_total", "code"), ", "), "AcceleratorNotDeleted 1")
	w.want("account", w.accelerators(), exampleTree)
	w.refuse = nil
	w.clock.Advance(time.Hour)
	w.settle()
	w.want("account", w.accelerators(), "")
}

func TestAProtectedAcceleratorOutlivesTheDeletionOfItsObject(t *testing.T) {
	t.Parallel()
	w := example(t)
	w.edit(func(ga *agav1beta1.GlobalAccelerator) {
		ga.Annotations = map[string]string{naming.AcceleratorDeletionProtection: "true"}
	})
	w.settle()
	w.told()
	w.must(w.client.Delete(t.Context(), w.get()))
	w.settle()
	w.want("account", w.accelerators(), exampleTree)
	if told := w.told(); !strings.Contains(told, "remove the annotation") {
		t.Errorf("events: %s", told)
	}
	w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Annotations = nil })
	w.settle()
	w.want("account", w.accelerators(), "")
}

func TestForeignAcceleratorIsNeitherChangedNorDeleted(t *testing.T) {
	t.Parallel()
	w := example(t)
	w.settle()
	w.sim.Account.Lock()
	w.sim.Account.AcceleratorsInOrder()[0].Tags["elbv2.k8s.aws/cluster"] = "other"
	w.sim.Account.Unlock()
	w.restart()
	w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Spec.Name = to("mine") })
	if _, err := w.pass(); err == nil {
		t.Error("it is not tried again")
	}
	w.want("account", w.accelerators(), exampleTree)
	ready := meta.FindStatusCondition(w.get().Status.Conditions, "Ready")
	if ready.Status != "False" || ready.Reason != "DeploymentFailed" || !strings.Contains(ready.Message,
		"has the tags of GlobalAccelerator default/web of cluster other") {
		t.Errorf("condition: %+v", ready)
	}
	if told := w.told(); !strings.Contains(told, "Warning FailedDeploy: ") ||
		!strings.Contains(told, "[AcceleratorNotOwned]") {
		t.Errorf("events: %s", told)
	}
	w.restart()
	w.must(w.client.Delete(t.Context(), w.get()))
	w.settle()
	w.want("account", w.accelerators(), exampleTree)
	if err := w.client.Get(t.Context(), name, &agav1beta1.GlobalAccelerator{}); !apierrors.IsNotFound(err) {
		t.Errorf("the object stays: %v", err)
	}
	if told := w.told(); !strings.Contains(told, "[AcceleratorNotOwned]") {
		t.Errorf("nothing tells what stays in AWS: %s", told)
	}
}

func TestALiveEndpointOutlastsALookUpThatFails(t *testing.T) {
	t.Parallel()
	for trouble, cause := range map[string]func(*world){
		"DescribeLoadBalancers is throttled": func(w *world) {
			w.refuse = func(action string) error {
				if action == "DescribeLoadBalancers" {
					return &smithy.GenericAPIError{Code: "Throttling", Message: "Rate exceeded"}
				}
				return nil
			}
		},
		"the status of the Service is empty for a moment": func(w *world) {
			w.must(w.client.Status().Update(w.t.Context(), service("default", "web", "")))
		},
		"its status names a load balancer that AWS does not show": func(w *world) {
			w.must(w.client.Status().Update(w.t.Context(), service("default", "web", "k8s-unknown", 80, 81)))
		},
	} {
		for _, restarted := range []bool{false, true} {
			w := example(t)
			w.settle()
			cause(w)
			if restarted {
				w.restart()
			} else {
				w.clock.Advance(2 * time.Hour)
			}
			if _, err := w.pass(); err != nil {
				t.Errorf("%s: %v", trouble, err)
			}
			w.want(trouble, w.accelerators(), exampleTree)
			if c := meta.FindStatusCondition(w.get().Status.Conditions, "EndpointsLoaded"); !restarted &&
				trouble == "DescribeLoadBalancers is throttled" {
				continue // the former answer serves
			} else if c == nil || c.Status != "False" || !strings.Contains(c.Message, "Service/default/web") &&
				!strings.Contains(c.Message, "k8s-") {
				t.Errorf("%s: condition %+v", trouble, c)
			}
		}
	}
}

func TestAnEndpointWhoseObjectIsGoneIsRemoved(t *testing.T) {
	t.Parallel()
	w := example(t)
	w.settle()
	w.must(w.client.Delete(t.Context(), service("default", "web", "")))
	w.settle1()
	w.want("account", w.accelerators(), strings.ReplaceAll(exampleTree,
		"   loadbalancer/net/k8s-default-web-1a2b/50dc 128 true\n", ""))
	if told := w.told(); !strings.Contains(told, "Warning WarningEndpoints: Service default/web does not exist") ||
		!strings.Contains(told, "[EndpointNotLoaded]") {
		t.Errorf("events: %s", told)
	}
}

func TestAnEditOfAnEndpointTakesNothingAwayUntilItIsKnown(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*agav1beta1.Endpoint){
		"its Service is misspelt":          func(e *agav1beta1.Endpoint) { e.Name = to("wbe") },
		"its namespace is misspelt":        func(e *agav1beta1.Endpoint) { e.Namespace = to("defaults") },
		"its type is wrong":                func(e *agav1beta1.Endpoint) { e.Type = agav1beta1.EndpointGateway },
		"its Service is of another type":   func(e *agav1beta1.Endpoint) { e.Name = to("inside") },
		"its Service has no load balancer": func(e *agav1beta1.Endpoint) { e.Name = to("next") },
		"its Ingress has no load balancer": func(e *agav1beta1.Endpoint) { e.Type = agav1beta1.EndpointIngress },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inside := service("default", "inside", "")
			inside.Spec.Type = corev1.ServiceTypeClusterIP
			w := newWorld(t, object([]int32{80}, endpoint(agav1beta1.EndpointService, "", "web"),
				endpoint(agav1beta1.EndpointService, "", "api"), endpoint(agav1beta1.EndpointService, "", "old")),
				service("default", "web", "k8s-web", 80), service("default", "api", "k8s-api", 80),
				service("default", "old", "k8s-old", 80), service("default", "next", ""), inside,
				&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}})
			for _, lb := range []string{"k8s-web", "k8s-api", "k8s-old", "k8s-next"} {
				w.balancer(lb)
			}
			w.settle()
			before := w.accelerators()
			endpoints := func(change func([]agav1beta1.Endpoint) []agav1beta1.Endpoint) {
				w.edit(func(ga *agav1beta1.GlobalAccelerator) {
					g := &ga.Spec.Listeners[0].EndpointGroups[0]
					g.Endpoints = change(g.Endpoints)
				})
				w.settle1()
			}
			endpoints(func(all []agav1beta1.Endpoint) []agav1beta1.Endpoint { edit(&all[0]); return all })
			w.want("after the edit", w.accelerators(), before)
			endpoints(func(all []agav1beta1.Endpoint) []agav1beta1.Endpoint { return all[:2] })
			before = strings.ReplaceAll(before, "   loadbalancer/net/k8s-old/50dc 128 true\n", "")
			w.want("after a later edit took out another one", w.accelerators(), before)
			w.restart()
			w.settle1()
			if name != "its namespace is misspelt" { // as if a namespace had withdrawn its permission
				w.want("after a restart", w.accelerators(), before)
			}
			w.must(w.client.Status().Update(t.Context(), service("default", "next", "k8s-next", 80)))
			endpoints(func(all []agav1beta1.Endpoint) []agav1beta1.Endpoint {
				all[0] = endpoint(agav1beta1.EndpointService, "", "next")
				return all
			})
			if got := w.accelerators(); strings.Contains(got, "k8s-web") || !strings.Contains(got, "k8s-next") {
				t.Errorf("at last:\n%s", got)
			}
		})
	}
}

// behind is a cache that lacks objects which the API server has.
type behind struct{ client.Client }

func (b behind) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	switch o.(type) {
	case *corev1.Service, *networkingv1.Ingress, *gatewayv1.Gateway:
		return apierrors.NewNotFound(schema.GroupResource{Resource: "objects"}, key.Name)
	}
	return b.Client.Get(ctx, key, o, opts...)
}

func TestAnEndpointWhoseObjectOnlyTheCacheLacksStays(t *testing.T) {
	t.Parallel()
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}}
	const alb = "k8s-ingress-50dc.us-west-2.elb.amazonaws.com"
	ingress.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{Hostname: alb}}
	gateway := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}}
	gateway.Status.Addresses = []gatewayv1.GatewayStatusAddress{
		{Type: to(gatewayv1.HostnameAddressType), Value: host("k8s-gateway")}}
	w := newWorld(t, object([]int32{80}, endpoint(agav1beta1.EndpointService, "", "web"),
		endpoint(agav1beta1.EndpointIngress, "", "web"), endpoint(agav1beta1.EndpointGateway, "", "web")),
		service("default", "web", "k8s-service", 80), ingress, gateway)
	w.balancer("k8s-service")
	w.balancer("k8s-gateway")
	w.balancer("k8s-ingress", func(lb *simaccount.LoadBalancer) {
		lb.ARN, lb.DNSName, lb.Type = prefix+"app/k8s-ingress/50dc", alb, "application"
	})
	w.settle()
	before := w.accelerators()
	if strings.Count(before, "loadbalancer/") != 3 {
		t.Fatalf("account:\n%s\n%s", before, w.told())
	}
	w.restart()
	w.r.Client = behind{w.client}
	w.settle()
	w.want("account", w.accelerators(), before)
}

// settle1 makes passes for five minutes.
func (w *world) settle1() {
	w.t.Helper()
	for until := w.clock.Now().Add(5 * time.Minute); w.clock.Now().Before(until); {
		r, err := w.pass()
		if err != nil {
			w.t.Fatal(err)
		}
		w.clock.Advance(max(r.RequeueAfter, time.Second))
	}
}

func TestAnEndpointFollowsItsServiceToAnotherLoadBalancer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, object([]int32{80}, endpoint(agav1beta1.EndpointService, "", "web")),
		service("default", "web", "k8s-old", 80))
	w.balancer("k8s-old")
	w.settle()
	w.balancer("k8s-new", func(lb *simaccount.LoadBalancer) { lb.ActiveAt = w.clock.Now().Add(2 * time.Minute) })
	w.must(w.client.Status().Update(t.Context(), service("default", "web", "k8s-new", 80)))
	if _, err := w.pass(); err != nil {
		t.Fatal(err)
	}
	if got := w.accelerators(); !strings.Contains(got, "net/k8s-old/") || strings.Contains(got, "net/k8s-new/") {
		t.Errorf("while AWS makes the new one:\n%s", got)
	}
	w.called()
	w.settle1()
	if got := w.accelerators(); strings.Contains(got, "net/k8s-old/") || !strings.Contains(got, "net/k8s-new/") {
		t.Errorf("at last:\n%s", got)
	}
	if calls := w.called(); strings.Index(calls, "AddEndpoints") > strings.Index(calls, "RemoveEndpoints") {
		t.Errorf("calls: %s", calls)
	}
}

func TestAutoDiscoveryCreatesAcceleratorBeforeLoadBalancer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, object(nil, endpoint(agav1beta1.EndpointService, "", "web")), service("default", "web", ""))
	w.settle1()
	w.want("account", w.accelerators(), "k8s_default_web_7c08a053f829eb4715cb5495d IPV4 true\n")
	if told := w.told(); strings.Contains(told, "FailedBuildModel") {
		t.Errorf("events: %s", told)
	}
	w.balancer("k8s-web")
	w.must(w.client.Status().Update(t.Context(), service("default", "web", "k8s-web", 80)))
	w.settle1()
	if got := w.accelerators(); !strings.Contains(got,
		" TCP NONE 80-80\n  us-west-2 100\n   loadbalancer/net/k8s-web/50dc") {
		t.Errorf("account:\n%s", got)
	}
}

func TestReferencesAcrossNamespacesNeedAReferenceGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, object([]int32{80}, endpoint(agav1beta1.EndpointService, "a", "web"),
		endpoint(agav1beta1.EndpointService, "b", "web")),
		service("a", "web", "k8s-a", 80), service("b", "web", "k8s-b", 80))
	w.balancer("k8s-a")
	w.balancer("k8s-b")
	count := func() int { return strings.Count(w.accelerators(), "loadbalancer/") }
	for _, step := range []struct {
		change func() error
		want   int
	}{
		{func() error { return nil }, 0},
		{func() error { return w.client.Create(t.Context(), grant("a", "", "Ingress")) }, 0}, // of another kind
		{func() error { return w.client.Create(t.Context(), grant("a", "", "Service")) }, 1},
		{func() error { return w.client.Create(t.Context(), grant("b", "", "Service")) }, 2},
		{func() error { return w.client.Delete(t.Context(), grant("a", "", "Service")) }, 1},
	} {
		w.must(step.change())
		w.settle1()
		told := w.told()
		if got := count(); got != step.want || strings.Contains(told, "<nil>") {
			t.Errorf("%d endpoints, want %d:\n%s", got, step.want, told)
		}
		if step.want == 0 && !strings.Contains(w.get().Status.Conditions[1].Message,
			"no ReferenceGrant of namespace a admits references from GlobalAccelerators of namespace default to Service web") {
			t.Errorf("conditions: %+v", w.get().Status.Conditions)
		}
	}
}

func TestAnEmptyNamespaceIsThatOfTheObject(t *testing.T) {
	t.Parallel()
	e := endpoint(agav1beta1.EndpointService, "", "web")
	e.Namespace = to("")
	w := newWorld(t, object([]int32{80}, e), service("default", "web", "k8s-web", 80), service("other", "web", "k8s-web",
		80), grant("other", "", "Service"))
	w.balancer("k8s-web")
	w.settle()
	if got := w.accelerators(); !strings.Contains(got, "net/k8s-web/") {
		t.Errorf("account:\n%s\n%s", got, w.told())
	}
}

func TestInvalidObjectLeavesAcceleratorAsItIs(t *testing.T) {
	t.Parallel()
	w := example(t)
	w.settle()
	w.told()
	w.edit(func(ga *agav1beta1.GlobalAccelerator) {
		ga.Spec.Listeners[0].EndpointGroups[0].PortOverrides[0].EndpointPort = 81
	})
	w.called()
	if _, err := w.pass(); err != nil {
		t.Fatal(err)
	}
	w.want("calls", w.called(), "")
	w.want("account", w.accelerators(), exampleTree)
	c := meta.FindStatusCondition(w.get().Status.Conditions, "Ready")
	if c.Status != "False" || c.Reason != "ModelBuildFailed" ||
		!strings.Contains(c.Message, "port override endpoint port 81 is within the port ranges of listener[0] (80-81)") {
		t.Errorf("condition: %+v", c)
	}
	if told := w.told(); strings.Count(told, "Warning FailedBuildModel") != 1 {
		t.Errorf("events: %s", told)
	}
}

func TestARefusedEndpointKeepsOutNoOther(t *testing.T) {
	t.Parallel()
	missing := endpoint(agav1beta1.EndpointID, "", "")
	missing.Name, missing.EndpointID = nil, to("eipalloc-0123456789abcdef0")
	w := newWorld(t, object([]int32{80}, missing, endpoint(agav1beta1.EndpointService, "", "web")),
		service("default", "web", "k8s-web", 80))
	w.balancer("k8s-web")
	if _, err := w.pass(); err == nil {
		t.Error("what was refused is not tried again")
	}
	if got := w.accelerators(); !strings.Contains(got, "net/k8s-web/") {
		t.Errorf("account:\n%s", got)
	}
	c := meta.FindStatusCondition(w.get().Status.Conditions, "Ready")
	if c.Reason != "DeploymentFailed" || !strings.Contains(c.Message, "eipalloc-0123456789abcdef0") {
		t.Errorf("condition: %+v", c)
	}
	if told := w.told(); !strings.Contains(told, "Warning FailedDeploy: ") {
		t.Errorf("events: %s", told)
	}
}

func TestClientIPPreservationIsNotAskedForWhereAWSRefusesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, object([]int32{80}, endpoint(agav1beta1.EndpointService, "", "web")),
		service("default", "web", "k8s-web", 80))
	w.balancer("k8s-web", func(lb *simaccount.LoadBalancer) { lb.SecurityGroups = nil })
	w.settle()
	if got := w.accelerators(); !strings.Contains(got, "net/k8s-web/50dc 128 false") {
		t.Errorf("account:\n%s", got)
	}
	w.steady()
}

func TestAnotherIPAddressTypeIsSetInPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, object([]int32{80}, endpoint(agav1beta1.EndpointService, "", "web")),
		service("default", "web", "k8s-web", 80))
	w.balancer("k8s-web", func(lb *simaccount.LoadBalancer) { lb.IPAddressType = "dualstack" })
	w.settle()
	arn := *w.get().Status.AcceleratorARN
	w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Spec.IPAddressType = agav1beta1.DualStack })
	w.settle()
	if s := w.get().Status; *s.AcceleratorARN != arn || s.DualStackDNSName == nil || len(s.IPSets) != 2 {
		t.Errorf("status: %+v", s)
	}
	w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Spec.IPAddressType = agav1beta1.IPV4 })
	w.settle()
	if s := w.get().Status; s.DualStackDNSName != nil || len(s.IPSets) != 1 {
		t.Errorf("status: %+v", s)
	}
}

func TestWhatIsChangedByHandIsPutBackOnceItIsReadAgain(t *testing.T) {
	t.Parallel()
	w := example(t)
	w.settle()
	w.sim.Account.Lock()
	x := w.sim.Account.AcceleratorsInOrder()[0]
	x.Enabled, x.Listeners[0].Groups[0].Endpoints = false, nil
	w.sim.Account.Unlock()
	w.clock.Advance(time.Hour)
	w.settle()
	w.want("account", w.accelerators(), exampleTree)
}

func TestAnAcceleratorThatWasDeletedByHandIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := example(t)
	w.settle()
	w.sim.Account.Lock()
	delete(w.sim.Account.Accelerators, w.sim.Account.AcceleratorsInOrder()[0].ARN)
	w.sim.Account.Unlock()
	w.clock.Advance(time.Hour)
	w.settle()
	w.want("account", w.accelerators(), exampleTree)
}

func TestAcceleratorInTransactionIsRetriedWithoutWarning(t *testing.T) {
	t.Parallel()
	w := example(t)
	refused := 0
	w.refuse = func(action string) error {
		if action == "CreateEndpointGroup" && refused < 2 {
			refused++
			return &smithy.GenericAPIError{Code: "TransactionInProgressException", Message: "another change is under way"}
		}
		return nil
	}
	for n := range 2 {
		if _, err := w.pass(); err == nil || refused != n+1 {
			t.Errorf("it is not tried again: %v, refused %d times", err, refused)
		}
		if c := meta.FindStatusCondition(w.get().Status.Conditions, "Ready"); c.Status != "Unknown" ||
			c.Reason != "AcceleratorProvisioning" {
			t.Errorf("condition: %+v", c)
		}
	}
	w.want("events", w.told(), "")
	w.settle()
	w.want("account", w.accelerators(), exampleTree)
}

func TestAddressesCountAtTheCreationAndLaterOnesAreANote(t *testing.T) {
	t.Parallel()
	w := example(t)
	w.sim.Account.Lock()
	w.sim.Account.OwnAddresses = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	w.sim.Account.Unlock()
	w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Spec.IPAddresses = []string{"198.51.100.10"} })
	w.settle()
	addresses := w.get().Status.IPSets[0].IPAddresses
	if !slices.Contains(addresses, "198.51.100.10") || len(addresses) != 2 {
		t.Errorf("addresses: %v", addresses)
	}
	if told := w.told(); strings.Contains(told, "IgnoredSetting") { // AWS adds the second address
		t.Errorf("events: %s", told)
	}
	w.steady()
	w.edit(func(ga *agav1beta1.GlobalAccelerator) {
		ga.Spec.IPAddresses = []string{"198.51.100.11", "198.51.100.10"}
	})
	w.settle()
	if told := w.told(); strings.Count(told, "IgnoredSetting") != 1 ||
		!strings.Contains(told, "Normal Note: the accelerator does not have the address 198.51.100.11") {
		t.Errorf("events: %s", told)
	}
	w.steady()
}

func TestOnlyObjectsThatEndpointsNameQueueAnAccelerator(t *testing.T) {
	t.Parallel()
	w := newWorld(t, object([]int32{80}, endpoint(agav1beta1.EndpointService, "", "web"),
		endpoint(agav1beta1.EndpointIngress, "shop", "web")), service("default", "web", "k8s-web", 80))
	w.balancer("k8s-web")
	w.settle1()
	for _, c := range []struct {
		kind objects.Kind
		of   client.Object
		want int
	}{
		{objects.Service, service("default", "web", "k8s-other"), 1},
		{objects.Service, service("shop", "web", "k8s-other"), 0},
		{objects.Ingress, &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}}, 0},
		{objects.ReferenceGrant, grant("shop", "networking.k8s.io", "Ingress"), 1},
		{objects.ReferenceGrant, grant("elsewhere", "networking.k8s.io", "Ingress"), 0},
	} {
		if got := w.r.Index.Affected(objects.ChangeOf(c.kind, nil, c.of)); len(got) != c.want {
			t.Errorf("%s %s/%s queues %v, want %d", c.kind, c.of.GetNamespace(), c.of.GetName(), got, c.want)
		}
	}
}

func TestEachPlanIsReported(t *testing.T) {
	t.Parallel()
	w := example(t)
	var plans []string
	w.r.OnPlan = func(o metav1.Object, began time.Time, p *plan.Plan, r account.Result) {
		if began.IsZero() || !r.Complete() && r.Done == 0 {
			t.Errorf("plan of %s began at %s with result %+v", o.GetName(), began, r)
		}
		plans = append(plans, o.GetName()+" "+p.Key.String()+" "+string(p.Steps[0].Action))
	}
	w.settle()
	w.must(w.client.Delete(t.Context(), w.get()))
	w.settle()
	of := name.Name + " aga.k8s.aws:default/" + name.Name
	if len(plans) < 2 || plans[0] != of+" create" || plans[len(plans)-1] != of+" delete" {
		t.Errorf("plans: %q", plans)
	}
}
