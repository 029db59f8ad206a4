package metrics

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/buildinfo"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

var described = regexp.MustCompile(`fqName: "([^"]*)".*variableLabels: \{([^}]*)\}`)

func TestTheTableHasTheMetricsThatAreRegisteredWithTheirLabels(t *testing.T) {
	t.Parallel()
	r := prometheus.NewPedanticRegistry()
	m := New(r)
	m.CollectLoadBalancers(func() []LoadBalancer { return nil }, func() []quota.Use { return nil })
	m.CollectWaiting(nil)
	m.CollectFailing(nil)
	m.CollectChecks(nil)
	for _, name := range []string{"listener", "webhook"} {
		m.CollectCertificate(name, nil)
	}
	m.CollectGates(nil)
	for _, name := range []string{"lbc_ready", "lbc_leader_transitions", "lbc_held_stacks", "lbc_deletions_held",
		"lbc_deregistrations_held", "lbc_certificate_imports_last_year"} {
		m.Count(name, func() int { return 0 })
	}
	ch := make(chan *prometheus.Desc, 2*len(Table))
	r.Describe(ch)
	close(ch)
	var have, want []string
	for d := range ch {
		x := described.FindStringSubmatch(d.String())
		have = append(have, x[1]+"{"+x[2]+"}")
	}
	for _, row := range Table {
		want = append(want, row.Name+"{"+strings.Join(row.Labels, ",")+"}")
		if (row.Type == Histogram) != (len(row.Buckets) > 0) {
			t.Errorf("%s: type %s with %d buckets", row.Name, row.Type, len(row.Buckets))
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("the table and the registry differ (-table +registry):\n%s", d)
	}
}

// named are the error categories of spec/50 §6.2, with those that Uncounted excepts.
var named = map[string]string{
	"ingress": "fetch_ingress_error add_group_finalizer_error build_model_error build_certificate_error " +
		"build_frontend_nlb build_listener_error build_listener_rule_error build_load_balancer_addons " +
		"build_load_balancer_error build_ssl_redirct_config_error " +
		"deploy_model_error dns_resolve_and_update_status_error remove_group_finalizer_error " +
		"release_auto_generated_backend_sg_error",
	"service": "build_model_error build_listeners_error build_load_balancer_error " +
		"build_load_balancer_ip_address_type_error build_load_balancer_scheme_error build_load_balancer_subnets_error " +
		"add_finalizers_error deploy_model_error dns_resolve_error " +
		"update_status_error cleanup_load_balancer_error release_auto_generated_backend_sg_error",
	"targetGroupBinding": "add_finalizers_error reconcile_targetgroupbinding_error update_status_error " +
		"calculate_tgb_reconcile_checkpoint_error update_tgb_checkpoint_error deregister_targets_error list_targets_error " +
		"register_pod_endpoint_error " +
		"reconcile_nodeport_endpoints_error resolve_nodeport_endpoints_error resolve_pod_endpoints_error " +
		"update_node_port_endpoints_error update_target_health_pod_condition_error update_tracked_instance_targets_error " +
		"update_tracked_ip_targets_error " +
		"get_traffic_proxy_node_selector_error",
	"globalAccelerator": "add_finalizers_error remove_finalizers_error build_model_error deploy_stack_error " +
		"reconcile_globalaccelerator_error",
}

func TestEachErrorCategoryIsCountedOrExcepted(t *testing.T) {
	t.Parallel()
	for controller, list := range named {
		var have []string
		for _, c := range Categories[controller] {
			have = append(have, c.Name)
		}
		want := strings.Fields(list)
		for _, name := range want {
			if slices.Contains(have, name) == slices.Contains(Uncounted, name) {
				t.Errorf("%s of %s is neither counted nor excepted, or both", name, controller)
			}
		}
		for _, name := range have {
			if !slices.Contains(want, name) {
				t.Errorf("%s of %s is no category of the existing controller", name, controller)
			}
		}
	}
}

func TestEachStageOfTheExistingControllerIsMeasuredOrExcepted(t *testing.T) {
	t.Parallel()
	_, stages := Stages()
	for controller, list := range map[string]string{
		"ingress": "fetch_ingress add_group_finalizer build_model deploy_model dns_resolve_and_update_status " +
			"remove_group_finalizer",
		"service": "fetch_service build_model add_finalizers deploy_model DNS_resolve update_status " +
			"cleanup_load_balancer",
		"targetGroupBinding": "fetch_targetGroupBinding add_finalizers reconcile_targetgroupbinding update_status",
		"globalAccelerator":  "fetch_globalAccelerator add_finalizers build_model deploy_stack reconcile_globalaccelerator",
	} {
		for _, name := range strings.Fields(list) {
			if slices.Contains(stages[controller], name) == slices.Contains(Uncounted, name) {
				t.Errorf("%s of %s is neither measured nor excepted, or both", name, controller)
			}
		}
	}
}

func TestAFindingCountsForThePartOfThePassAndForWhatItConcerns(t *testing.T) {
	t.Parallel()
	annotation := func(name string) string { return "metadata.annotations[" + name + "]" }
	for _, c := range []struct {
		controller, path string
		code             diag.Code
		phase            diag.Phase
		want             string
	}{
		{"ingress", "spec.ingressClassName", diag.InvalidIngressClass, "", "fetch_ingress_error"},
		{"ingress", "", diag.FinalizerNotAdded, "", "add_group_finalizer_error"},
		{"ingress", "", diag.FinalizerNotRemoved, "", "remove_group_finalizer_error"},
		{"ingress", "", diag.StatusNotWritten, "", "dns_resolve_and_update_status_error"},
		{"ingress", "spec.tls[0]", diag.CertificateNotFound, "", "build_model_error build_certificate_error"},
		{"ingress", annotation("alb.ingress.kubernetes.io/frontend-nlb-scheme"), diag.InvalidAnnotation, "",
			"build_model_error build_frontend_nlb"},
		{"ingress", annotation("alb.ingress.kubernetes.io/listen-ports"), diag.InvalidAnnotation, "",
			"build_model_error build_listener_error"},
		{"ingress", "spec.rules[0].http.paths[1].backend", diag.ServiceNotFound, "",
			"build_model_error build_listener_rule_error"},
		{"ingress", annotation("alb.ingress.kubernetes.io/wafv2-acl-arn"), diag.WebACLNotFound, "",
			"build_model_error build_load_balancer_addons"},
		{"ingress", "", diag.NoSubnets, "", "build_model_error build_load_balancer_error"},
		{"ingress", annotation("alb.ingress.kubernetes.io/ssl-redirect"), diag.InvalidAnnotation, "",
			"build_model_error build_ssl_redirct_config_error"},
		{"ingress", "", diag.AccessDenied, "", "deploy_model_error"},
		{"ingress", "", diag.CertificateNotFound, diag.Deploying, "deploy_model_error"},
		{"ingress", "", diag.IgnoredSetting, "", ""},
		{"service", annotation("service.beta.kubernetes.io/aws-load-balancer-scheme"), diag.InvalidAnnotation, "",
			"build_model_error build_load_balancer_error build_load_balancer_scheme_error"},
		{"service", annotation("service.beta.kubernetes.io/aws-load-balancer-ip-address-type"), diag.InvalidAnnotation, "",
			"build_model_error build_load_balancer_error build_load_balancer_ip_address_type_error"},
		{"service", "", diag.InvalidSubnets, "", "build_model_error build_load_balancer_error " +
			"build_load_balancer_subnets_error"},
		{"service", annotation("service.beta.kubernetes.io/aws-load-balancer-ssl-cert"), diag.CertificateNotFound, "",
			"build_model_error build_listeners_error"},
		{"service", "", diag.FinalizerNotRemoved, "", "cleanup_load_balancer_error"},
		{"service", "", diag.StatusNotCleared, "", "update_status_error cleanup_load_balancer_error"},
		{"targetGroupBinding", "spec.serviceRef.name", diag.ServiceMissing, "", "reconcile_targetgroupbinding_error"},
		{"targetGroupBinding", "", diag.AccessDenied, "", "reconcile_targetgroupbinding_error"},
		{"targetGroupBinding", "", diag.FinalizerNotAdded, "", "add_finalizers_error"},
		{"targetGroupBinding", "", diag.StatusNotWritten, "", "update_status_error"},
		{"gateway.k8s.aws/alb", "", diag.InvalidConfiguration, "", "build_model_error"},
		{"globalAccelerator", "", diag.FinalizerNotAdded, "", "add_finalizers_error"},
		{"globalAccelerator", "spec.listeners[0]", diag.InvalidAccelerator, "",
			"build_model_error reconcile_globalaccelerator_error"},
		{"globalAccelerator", "", diag.AccessDenied, "", "deploy_stack_error reconcile_globalaccelerator_error"},
		{"globalAccelerator", "", diag.ObjectsUnread, "", "reconcile_globalaccelerator_error"},
		{"globalAccelerator", "", diag.AcceleratorNotDeleted, "", "reconcile_globalaccelerator_error"},
		{"globalAccelerator", "", diag.FinalizerNotRemoved, "", "remove_finalizers_error"},
		{"globalAccelerator", "", diag.EndpointNotLoaded, "", ""},
		{"globalAccelerator", "", diag.AcceleratorDeleting, "", ""},
	} {
		d := diag.New(diag.Object{}, c.path, c.code, "", "")
		d.Phase = c.phase
		if d := cmp.Diff(c.want, strings.Join(categoriesOf(c.controller, d), " ")); d != "" {
			t.Errorf("%s %s %s: %s", c.controller, c.code, c.path, d)
		}
	}
}

func TestFindingsFailuresDriftRefusalsAndCausesAreCounted(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	m := New(r)
	m.CountBindingFindings(diag.List{diag.New(diag.Object{}, "", diag.ServiceMissing, "", "")})
	m.CountFindings(stack.Ingress, diag.List{diag.New(diag.Object{}, "", diag.NoSubnets, "", "")})
	m.CountAcceleratorFindings(diag.List{diag.New(diag.Object{}, "", diag.AcceleratorNotDeleted, "", "")})
	m.CountBindingFailure(false, RegisterTargets)
	m.CountBindingFailure(true, RecordTargets)
	m.CountBindingFailure(true, "DescribeSubnets")
	m.CountDrift("ingress")
	m.CountDriftOf("ingress", "tags", "report")
	m.CountRefusal("/validate", "checkIngressClass", false)
	m.CountRefusal("/mutate", "defaultingVpcID", true)
	m.ObserveCall(awsclient.Call{Service: "EC2", Operation: "DescribeVpcs", Cause: awsclient.DriftSweep})
	m.ObserveReady(stack.Service, time.Minute)
	m.SetBuild(buildinfo.Info{Version: "v1", Commit: "abc", Go: "go1", Platform: "linux/arm64"})
	for name, want := range map[string][]string{
		"lbc_findings_total": {
			"class=notFound code=BackendServiceMissing owner=elbv2.k8s.aws 1",
			"class=notFound code=NoSubnets owner=ingress.k8s.aws 1",
			"class=transient code=AcceleratorNotDeleted owner=aga.k8s.aws 1",
		},
		"awslbc_controller_reconcile_errors_total": {
			"controller=globalAccelerator error_category=reconcile_globalaccelerator_error 1",
			"controller=ingress error_category=build_load_balancer_error 1",
			"controller=ingress error_category=build_model_error 1",
			"controller=targetGroupBinding error_category=reconcile_targetgroupbinding_error 1",
			"controller=targetGroupBinding error_category=register_pod_endpoint_error 1",
			"controller=targetGroupBinding error_category=update_tracked_instance_targets_error 1",
		},
		"lbc_drift_found_total":                   {"controller=ingress 1"},
		"lbc_drift_groups_found_total":            {"controller=ingress group=tags policy=report 1"},
		"awslbc_webhook_validation_failure_total": {"error_category=checkIngressClass webhook_name=/validate 1"},
		"awslbc_webhook_mutation_failure_total":   {"error_category=defaultingVpcID webhook_name=/mutate 1"},
		"aws_api_calls_by_cause_total":            {"cause=drift sweep operation=DescribeVpcs service=EC2 1"},
		"lbc_load_balancer_ready_seconds":         {"controller=service"},
		"lbc_build_info":                          {"commit=abc goversion=go1 platform=linux/arm64 version=v1 1"},
	} {
		have := slices.DeleteFunc(page(t, r, name), func(x string) bool { return strings.HasSuffix(x, " 0") })
		if d := cmp.Diff(want, have); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestBoundedConditionsShowThoseNotReadyFirst(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	lb := func(name string, ready metav1.ConditionStatus) LoadBalancer {
		return LoadBalancer{"shop", name, []metav1.Condition{{Type: "Ready", Status: ready}}}
	}
	all := slices.Repeat([]LoadBalancer{lb("good", metav1.ConditionTrue)}, 1)
	for i := range MostLoadBalancers {
		all = append(all, lb("a"+string(rune('a'+i%26))+strings.Repeat("x", i/26), metav1.ConditionTrue))
	}
	all = append(all, lb("zz", metav1.ConditionFalse), LoadBalancer{Namespace: "shop", Name: "new"})
	New(r).CollectLoadBalancers(func() []LoadBalancer { return all }, func() []quota.Use {
		return []quota.Use{{Limit: quota.RulesOfApplicationLoadBalancer, Used: 80}}
	})
	if d := cmp.Diff([]string{"ready=False 1", "ready=True 1001", "ready=Unknown 1"},
		page(t, r, "lbc_load_balancers")); d != "" {
		t.Error(d)
	}
	shown := page(t, r, "lbc_load_balancer_condition")
	if len(shown) != MostLoadBalancers-1 || !slices.Contains(shown, "name=zz namespace=shop status=False type=Ready 1") ||
		slices.Contains(shown, "name=good namespace=shop status=True type=Ready 1") {
		t.Errorf("%d conditions are shown", len(shown))
	}
	if d := cmp.Diff([]string{"quota=rules-per-application-load-balancer 0.8"}, page(t, r, "lbc_quota_used_ratio")); d !=
		"" {
		t.Error(d)
	}
}

// TestEditsOfABindingLeaveNoSeries has a tenant edit a binding again and again: it has one series, and none at its end.
func TestEditsOfABindingLeaveNoSeries(t *testing.T) {
	t.Parallel()
	m := New(prometheus.NewPedanticRegistry())
	binding := func(name, service string) *v1beta1.TargetGroupBinding {
		b := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "mal", Name: name}}
		b.Spec.ServiceRef.Name, b.Spec.TargetGroupARN = service, "arn:aws:elasticloadbalancing:r:1:targetgroup/a/1"
		return b
	}
	series := func() int {
		ch := make(chan prometheus.Metric, 200)
		m.targetGroups.Collect(ch)
		return len(ch)
	}
	m.SetTargetGroup(binding("other", "s99"))
	for n := range 100 {
		m.SetTargetGroup(binding("evil", fmt.Sprintf("s%d", n)))
	}
	if n := series(); n != 1 {
		t.Errorf("%d series", n)
	}
	m.DeleteTargetGroup(binding("evil", "s99"))
	if n := series(); n != 1 {
		t.Errorf("%d series, the other binding has one", n)
	}
	m.DeleteTargetGroup(binding("other", "s99"))
	if n := series(); n != 0 {
		t.Errorf("%d series are left", n)
	}
}
