package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Gate is the name of a feature gate.
type Gate string

// The feature gates, with the names that users of the existing controller write.
const (
	ListenerRulesTagging         Gate = "ListenerRulesTagging"
	WeightedTargetGroups         Gate = "WeightedTargetGroups"
	ServiceTypeLoadBalancerOnly  Gate = "ServiceTypeLoadBalancerOnly"
	EndpointsFailOpen            Gate = "EndpointsFailOpen"
	EnableServiceController      Gate = "EnableServiceController"
	EnableIPTargetType           Gate = "EnableIPTargetType"
	EnableTCPUDPListener         Gate = "EnableTCPUDPListener"
	EnableRGTAPI                 Gate = "EnableRGTAPI"
	SubnetsClusterTagCheck       Gate = "SubnetsClusterTagCheck"
	NLBHealthCheckAdvancedConfig Gate = "NLBHealthCheckAdvancedConfig"
	NLBSecurityGroup             Gate = "NLBSecurityGroup"
	ALBSingleSubnet              Gate = "ALBSingleSubnet"
	LBCapacityReservation        Gate = "LBCapacityReservation"
	SubnetDiscoveryByReachable   Gate = "SubnetDiscoveryByReachability"
	NLBGatewayAPI                Gate = "NLBGatewayAPI"
	ALBGatewayAPI                Gate = "ALBGatewayAPI"
	AutoGatewayAPI               Gate = "AutoGatewayAPI"
	GatewayListenerSet           Gate = "GatewayListenerSet"
	GlobalAcceleratorController  Gate = "GlobalAcceleratorController"
	EnhancedDefaultBehavior      Gate = "EnhancedDefaultBehavior"
	EnableDefaultTagsLowPriority Gate = "EnableDefaultTagsLowPriority"
	ALBTargetControlAgent        Gate = "ALBTargetControlAgent"
	EnableCertificateManagement  Gate = "EnableCertificateManagement"
	IngressPlanAnnotation        Gate = "IngressPlanAnnotation"
)

// GateInfo is a row of the gate table.
type GateInfo struct {
	Name    Gate
	Default bool
	// missing is what is not built yet and makes true a value without effect, which is logged at start; empty: the gate
	// works.
	missing string
	Doc     string
}

var gateTable = []GateInfo{
	{ListenerRulesTagging, true, "", "tag listeners and rules; turn this gate off in partitions that do not support " +
		"such tags"},
	{WeightedTargetGroups, true, "", "send forward actions with weights; off: a single target group per forward action"},
	{ServiceTypeLoadBalancerOnly, false, "", "reconcile only Services of type LoadBalancer"},
	{EndpointsFailOpen, true, "", "register endpoints of unknown readiness if no endpoint is ready"},
	{EnableServiceController, true, "", "reconcile Services; off: load balancers of Services do not change until their " +
		"Services are deleted"},
	{EnableIPTargetType, true, "", "admit target type ip"},
	{EnableTCPUDPListener, false, "", "merge TCP and UDP on one port into a TCP_UDP listener"},
	{EnableRGTAPI, false, "", "read tags of load balancers and target groups with tag:GetResources, for a hundred " +
		"resources per call, if the controller needs the tags of more than twenty; needs the permission tag:GetResources"},
	{SubnetsClusterTagCheck, true, "", "ignore subnets that are tagged only for other clusters"},
	{NLBHealthCheckAdvancedConfig, true, "", "NLB health checks have timeout and codes, and change in place; off: a " +
		"change of protocol, codes or times replaces the target group"},
	{NLBSecurityGroup, true, "", "give NLBs security groups"},
	{ALBSingleSubnet, false, "", "admit an ALB with one subnet"},
	{LBCapacityReservation, true, "", "use minimum-load-balancer-capacity"},
	{SubnetDiscoveryByReachable, true, "", "without tagged subnets, distinguish public from private ones by route table"},
	{NLBGatewayAPI, true, "", "serve Gateways with NLBs"},
	{ALBGatewayAPI, true, "", "serve Gateways with ALBs"},
	{AutoGatewayAPI, true, "", "serve Gateways of the controller name of --auto-gateway-controller-name with ALBs or " +
		"NLBs, depending on the protocols of their listeners; needs ALBGatewayAPI and NLBGatewayAPI"},
	{GatewayListenerSet, true, "", "serve ListenerSets of Gateways"},
	{GlobalAcceleratorController, false, "", "serve GlobalAccelerators, except in China, GovCloud, the European " +
		"Sovereign Cloud and isolated regions, which have no AWS Global Accelerator; needs the CRD of GlobalAccelerators " +
		"and additional permissions"},
	{EnhancedDefaultBehavior, false, "", "if an object no longer has the annotation for mutual authentication, reserved " +
		"capacity or the ALPN policy, reset the setting"},
	{EnableDefaultTagsLowPriority, false, "", "tags of objects override --default-tags"},
	{ALBTargetControlAgent, false, "", "inject target control agents into pods at admission"},
	{EnableCertificateManagement, false, "", "request, validate and delete ACM certificates of Ingresses with " +
		"create-acm-cert; needs additional permissions"},
	{IngressPlanAnnotation, false, "", "write the stack of each Ingress group to annotation dry-run-plan of " +
		"its first member"},
}

// gateAliases are names in the documentation of the existing controller that its program refuses.
var gateAliases = map[string]Gate{
	"NLBHealthCheckAdvancedConfiguration": NLBHealthCheckAdvancedConfig,
	"EnableTCPUDPListenerType":            EnableTCPUDPListener,
}

// Gates holds the gates that the command line sets; the others have their defaults.
type Gates struct{ set map[Gate]bool }

// Enabled reports whether a gate is on.
func (g Gates) Enabled(name Gate) bool {
	if v, ok := g.set[name]; ok {
		return v
	}
	for _, info := range gateTable {
		if info.Name == name {
			return info.Default
		}
	}
	return false
}

// String lists the gates that were set.
func (g Gates) String() string {
	var parts []string
	for k, v := range g.set {
		parts = append(parts, fmt.Sprintf("%s=%t", k, v))
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// Type names the flag's value in help texts.
func (g *Gates) Type() string { return "Name=bool,..." }

// Set merges "Name=bool,Name=bool"; blanks around names and values and empty items are ignored.
func (g *Gates) Set(s string) error {
	for _, item := range strings.Split(s, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		name, raw, ok := strings.Cut(item, "=")
		on, err := strconv.ParseBool(strings.TrimSpace(raw))
		if !ok || err != nil {
			return fmt.Errorf("%q is not a feature gate with a value, such as EnableIPTargetType=false", item)
		}
		gate := Gate(strings.TrimSpace(name))
		if alias, ok := gateAliases[string(gate)]; ok {
			gate = alias
		}
		if !slices.ContainsFunc(gateTable, func(i GateInfo) bool { return i.Name == gate }) {
			return fmt.Errorf("unknown feature: %s", gate)
		}
		if g.set == nil {
			g.set = map[Gate]bool{}
		}
		g.set[gate] = on
	}
	return nil
}

// notices are about gates that are set and need something that is not built.
func (g Gates) notices() []string {
	var out []string
	for _, info := range gateTable {
		if v, ok := g.set[info.Name]; ok && v && info.missing != "" {
			out = append(out, fmt.Sprintf("--feature-gates=%s=%t has no effect: %s", info.Name, v, info.missing))
		}
	}
	return out
}

func gateHelp() string {
	var b strings.Builder
	b.WriteString("feature gates, Name=bool,Name=bool:")
	for _, i := range gateTable {
		fmt.Fprintf(&b, "\n%s (default %t): %s", i.Name, i.Default, i.Doc)
	}
	return b.String()
}

// GateDocs lists every gate for the reference page.
func GateDocs() []GateInfo {
	out := slices.Clone(gateTable)
	for n, i := range out {
		if i.missing != "" {
			out[n].Doc += fmt.Sprintf(" (true has no effect: %s)", i.missing)
		}
	}
	return out
}
