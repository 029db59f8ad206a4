package metrics

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// bindingOwner is the label owner of findings of TargetGroupBindings.
const bindingOwner = "elbv2.k8s.aws"

// acceleratorOwner is the label owner of findings of GlobalAccelerators.
const acceleratorOwner = "aga.k8s.aws"

// Categories of failures that are no findings.
const (
	SharedGroupNotReleased = "release_auto_generated_backend_sg_error"
	GatesNotWritten        = "update_target_health_pod_condition_error"
)

// Category is an error category of the existing controller, with the findings that count in it. A finding counts in
// each category that it belongs to: the outer one of the part of the pass that failed, and the inner one of what it
// concerns.
type Category struct {
	Name string
	// reasons are the event reasons of the findings. Inner categories have in addition the codes or, of findings with
	// other codes, the parts of their paths.
	reasons []diag.EventReason
	codes   []diag.Code
	paths   []string
	Doc     string
}

var building, deploying = []diag.EventReason{diag.FailedBuildModel}, []diag.EventReason{diag.FailedDeployModel}

// Categories are the error categories of each controller.
var Categories = map[string][]Category{
	controllerOf(stack.Ingress): {
		{"fetch_ingress_error", []diag.EventReason{diag.FailedLoadGroupID}, nil, nil,
			"the class or the group of the Ingress is wrong, or objects could not be read"},
		{"add_group_finalizer_error", []diag.EventReason{diag.FailedAdd}, nil, nil,
			"the API server did not accept the finalizer"},
		{"build_model_error", building, nil, nil, "all failures before the controller plans the objects"},
		{"build_certificate_error", building, []diag.Code{diag.CertificateNotFound, diag.HostedZoneNotFound},
			[]string{"spec.tls", "certificate"}, "of these: certificates"},
		{"build_frontend_nlb", building, nil, []string{"/frontend-nlb-", "/enable-frontend-nlb"},
			"of these: the NLB in front of an ALB"},
		{"build_listener_error", building, []diag.Code{diag.TrustStoreNotFound}, []string{"/listen-ports", "/ssl-policy",
			"/mutual-authentication", "/listener-attributes"}, "of these: listeners"},
		{"build_listener_rule_error", building,
			[]diag.Code{diag.InvalidRule, diag.ServiceNotFound, diag.ServicePortNotFound, diag.WrongServiceType,
				diag.TargetGroupNotFound, diag.TargetGroupTaken, diag.SecretNotFound, diag.SecretRefused, diag.InvalidSecret},
			[]string{"spec.rules", "spec.defaultBackend", "/actions.", "/conditions.", "/transforms.", "/auth-", "/jwt-"},
			"of these: rules, their backends and logins"},
		{"build_load_balancer_addons", building, []diag.Code{diag.WebACLNotFound, diag.NotSubscribed},
			[]string{"/wafv2-acl", "/waf-acl", "/web-acl", "/shield-"}, "of these: web ACLs and Shield"},
		{"build_load_balancer_error", building, []diag.Code{diag.NoSubnets, diag.InvalidSubnets, diag.SecurityGroupNotFound,
			diag.NameTooLong},
			[]string{"/load-balancer-", "/scheme", "/subnets", "/security-groups", "/ip-address-type", "/inbound-cidrs",
				"/customer-owned-ipv4-pool", "/tags"}, "of these: the load balancer itself"},
		{"build_ssl_redirct_config_error", building, nil, []string{"/ssl-redirect"}, "of these: the redirect to HTTPS"},
		{"deploy_model_error", deploying, nil, nil, "all failures in the execution of a plan"},
		{"dns_resolve_and_update_status_error", []diag.EventReason{diag.FailedStatus}, nil, nil,
			"the API server did not accept the status"},
		{"remove_group_finalizer_error", []diag.EventReason{diag.FailedRemove}, nil, nil,
			"the API server did not accept the removal of the finalizer"},
		{SharedGroupNotReleased, nil, nil, nil, "AWS did not delete the shared backend security group after the last load " +
			"balancer of the cluster, if this load balancer belonged to an Ingress; after a restart of the controller, also " +
			"if this load balancer belonged to another kind"},
	},
	controllerOf(stack.Service): {
		{"build_model_error", building, nil, nil, "all failures before the controller plans the Service"},
		{"build_listeners_error", building, []diag.Code{diag.CertificateNotFound, diag.ServicePortNotFound},
			[]string{"load-balancer-ssl-", "load-balancer-listener-attributes", "load-balancer-alpn", "spec.ports"},
			"of these: listeners"},
		{"build_load_balancer_error", building, []diag.Code{diag.NoSubnets, diag.InvalidSubnets, diag.SecurityGroupNotFound,
			diag.NameTooLong},
			[]string{"load-balancer-name", "load-balancer-attributes", "load-balancer-scheme", "load-balancer-internal",
				"load-balancer-subnets", "load-balancer-ip-address-type", "load-balancer-security-groups",
				"load-balancer-eip", "load-balancer-private-ipv4", "load-balancer-ipv6"}, "of these: the load balancer itself"},
		{"build_load_balancer_ip_address_type_error", building, nil, []string{"load-balancer-ip-address-type"},
			"of these: its address type"},
		{"build_load_balancer_scheme_error", building, nil, []string{"load-balancer-scheme", "load-balancer-internal"},
			"of these: its scheme"},
		{"build_load_balancer_subnets_error", building, []diag.Code{diag.NoSubnets, diag.InvalidSubnets},
			[]string{"load-balancer-subnets"}, "of these: its subnets"},
		{"add_finalizers_error", []diag.EventReason{diag.FailedAdd}, nil, nil, "the API server did not accept the finalizer"},
		{"deploy_model_error", deploying, nil, nil, "all failures in the execution of a plan"},
		{"update_status_error", []diag.EventReason{diag.FailedStatus, diag.FailedCleanupStatus}, nil, nil,
			"the API server did not accept the status"},
		{"cleanup_load_balancer_error", []diag.EventReason{diag.FailedRemove, diag.FailedCleanupStatus}, nil, nil,
			"the API server did not accept the removal of the finalizer or of the status"},
		{SharedGroupNotReleased, nil, nil, nil, "AWS did not delete the shared backend security group after the last load " +
			"balancer of the cluster, if this load balancer belonged to a Service"},
	},
	BindingControllerLabel: {
		{"add_finalizers_error", []diag.EventReason{diag.FailedAdd}, nil, nil, "the API server did not accept the finalizer"},
		{"reconcile_targetgroupbinding_error", []diag.EventReason{diag.FailedReconcile, diag.FailedNetwork,
			diag.BackendNotFound, diag.FailedCleanup, diag.FailedRemove, diag.FailedDeployModel, diag.FailedLoadGroupID,
			diag.FailedBuildModel},
			nil, nil, "all failures to update targets or their security group rules"},
		{"update_status_error", []diag.EventReason{diag.FailedStatus}, nil, nil, "the API server did not accept the status"},
		{"register_pod_endpoint_error", nil, nil, nil, "AWS did not register pods"},
		{"update_node_port_endpoints_error", nil, nil, nil, "AWS did not register nodes"},
		{"deregister_targets_error", nil, nil, nil, "AWS did not deregister targets"},
		{"list_targets_error", nil, nil, nil, "AWS did not list targets"},
		{"resolve_pod_endpoints_error", nil, nil, nil, "the controller could not read the pods of a binding"},
		{"resolve_nodeport_endpoints_error", nil, nil, nil, "the controller could not read the nodes of a binding"},
		{"update_tracked_ip_targets_error", nil, nil, nil,
			"the controller could not write the record of pods in a shared target group"},
		{"update_tracked_instance_targets_error", nil, nil, nil,
			"the controller could not write the record of nodes in a shared target group"},
		{GatesNotWritten, nil, nil, nil, "the API server did not accept the condition of a readiness gate"},
	},
	AcceleratorControllerLabel: {
		{"add_finalizers_error", []diag.EventReason{diag.FailedAdd}, nil, nil, "the API server did not accept the finalizer"},
		{"build_model_error", building, nil, nil, "the GlobalAccelerator declares values that AWS does not allow"},
		{"deploy_stack_error", deploying, nil, nil, "all failures in the execution of a plan"},
		{"remove_finalizers_error", []diag.EventReason{diag.FailedRemove}, nil, nil,
			"the API server did not accept the removal of the finalizer"},
		{"reconcile_globalaccelerator_error",
			slices.Concat(building, deploying, []diag.EventReason{diag.FailedLoadGroupID, diag.FailedStatus,
				diag.FailedCleanup}), nil, nil,
			"any of these failures, except those of finalizers. Also unreadable objects, a status that the API server did not " +
				"accept, and a failed deletion of an accelerator"},
	},
	controllerOf(stack.GatewayALB): gatewayCategories,
	controllerOf(stack.GatewayNLB): gatewayCategories,
}

var gatewayCategories = []Category{
	{"build_model_error", append([]diag.EventReason{diag.FailedLoadGroupID}, building...), nil, nil,
		"all failures before the controller plans the Gateway and its routes"},
	{"add_finalizers_error", []diag.EventReason{diag.FailedAdd}, nil, nil, "the API server did not accept the finalizer"},
	{"deploy_model_error", deploying, nil, nil, "all failures in the execution of a plan"},
	{"update_status_error", []diag.EventReason{diag.FailedStatus}, nil, nil, "the API server did not accept the status"},
	{"cleanup_load_balancer_error", []diag.EventReason{diag.FailedRemove}, nil, nil,
		"the API server did not accept the removal of the finalizer"},
	{SharedGroupNotReleased, nil, nil, nil, "AWS did not delete the shared backend security group after the last load " +
		"balancer of the cluster, if this load balancer belonged to a Gateway"},
}

// Uncounted are the error categories and stages of the existing controller that name steps which do not exist here.
var Uncounted = []string{
	"dns_resolve_error", "reconcile_nodeport_endpoints_error", "calculate_tgb_reconcile_checkpoint_error",
	"update_tgb_checkpoint_error", "get_traffic_proxy_node_selector_error", "DNS_resolve",
}

func controllerOf(o stack.Owner) string { return owner.Of(o).Controller }

// categoriesOf are the categories in which a finding counts; none if it stops nothing.
func categoriesOf(controller string, d diag.Diagnostic) (out []string) {
	if d.Class == diag.Note {
		return nil
	}
	reason := d.Reason()
	for _, c := range Categories[controller] {
		if slices.Contains(c.reasons, reason) && c.concerns(d) {
			out = append(out, c.Name)
		}
	}
	return out
}

// concerns reports whether a finding of a reason of the category belongs to it.
func (c Category) concerns(d diag.Diagnostic) bool {
	return len(c.codes)+len(c.paths) == 0 || slices.Contains(c.codes, d.Code) ||
		slices.ContainsFunc(c.paths, func(part string) bool { return strings.Contains(d.Path, part) })
}

// CountBindingFailure counts what kept targets from being as they should, by the part of the work that failed.
func (m *Metrics) CountBindingFailure(instances bool, work BindingWork) {
	name := map[BindingWork][2]string{
		ResolveEndpoints:  {"resolve_pod_endpoints_error", "resolve_nodeport_endpoints_error"},
		RegisterTargets:   {"register_pod_endpoint_error", "update_node_port_endpoints_error"},
		DeregisterTargets: {"deregister_targets_error", "deregister_targets_error"},
		ListTargets:       {"list_targets_error", "list_targets_error"},
		RecordTargets:     {"update_tracked_ip_targets_error", "update_tracked_instance_targets_error"},
	}[work]
	if instances {
		name[0] = name[1]
	}
	if name[0] != "" {
		m.CountFailure(BindingControllerLabel, name[0])
	}
}

// BindingWork is a part of a pass over a binding. That of a call to AWS is the name of the operation.
type BindingWork string

// Parts of passes over bindings.
const (
	ResolveEndpoints  BindingWork = "resolve"
	RecordTargets     BindingWork = "record"
	RegisterTargets   BindingWork = "RegisterTargets"
	DeregisterTargets BindingWork = "DeregisterTargets"
	ListTargets       BindingWork = "DescribeTargetHealth"
)

// Stages returns the values of reconcile_stage by controller, in the order of a pass.
func Stages() (controllers []string, stages map[string][]string) {
	stages = map[string][]string{}
	for _, k := range owner.Kinds {
		controllers = append(controllers, k.Controller)
		stages[k.Controller] = []string{k.Stages.Load, k.Stages.Build, k.Stages.Finalizer, k.Stages.Deploy, k.Stages.Status,
			k.Stages.Release}
	}
	controllers = append(controllers, BindingControllerLabel)
	stages[BindingControllerLabel] = []string{StageBindingLoad, StageBindingFinalizer, StageBindingReconcile,
		StageBindingStatus}
	controllers = append(controllers, AcceleratorControllerLabel)
	stages[AcceleratorControllerLabel] = []string{StageAcceleratorLoad, StageAcceleratorFinalizer, StageAcceleratorBuild,
		StageAcceleratorDeploy, StageAcceleratorReconcile}
	return controllers, stages
}
