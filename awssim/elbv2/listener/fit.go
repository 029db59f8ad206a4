package listener

import (
	"slices"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/awssim/elbv2/routing"
	"github.com/k8s-lbc/lbc/awssim/elbv2/targetgroup"
)

// listenerProtocols is the protocols of listeners by the type of their load balancer.
var listenerProtocols = map[string][]string{
	request.Application: {"HTTP", "HTTPS"},
	request.Network:     {"TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"},
}

// targetProtocols is the protocols of target groups that a listener of each protocol may forward to; the empty one is
// that of functions. Gateway listeners have no protocol.
var targetProtocols = map[string][]string{
	"HTTP":     {"HTTP", "HTTPS", ""},
	"HTTPS":    {"HTTP", "HTTPS", ""},
	"TCP":      {"TCP", "TCP_UDP", "TCP_QUIC"},
	"TLS":      {"TCP", "TLS"},
	"UDP":      {"UDP", "TCP_UDP"},
	"TCP_UDP":  {"TCP_UDP"},
	"QUIC":     {"QUIC", "TCP_QUIC"},
	"TCP_QUIC": {"TCP_QUIC"},
	"":         {"GENEVE"},
}

// fit requires that the actions suit a listener of lb with that protocol, and that their target groups exist.
func (s *Listeners) fit(lb *account.LoadBalancer, protocol string, actions []account.Action) error {
	var groups []*account.TargetGroup
	for _, arn := range account.TargetGroupsOf(actions) {
		tg := s.account.TargetGroups[arn]
		if tg == nil {
			return request.KindTargetGroup.NotFound(arn)
		}
		groups = append(groups, tg)
	}
	for _, a := range actions {
		if !routing.Terminal(a) && protocol != "HTTPS" {
			return routing.InvalidAction("Actions of type '%s' are supported on HTTPS listeners only", a.Type)
		}
		if r := a.Redirect; r != nil && protocol == "HTTPS" && r.Protocol == "HTTP" {
			return routing.InvalidAction("You cannot redirect from an HTTPS listener to HTTP")
		}
		if a.Forward != nil && a.Forward.Stickiness.Enabled && protocol == "TLS" {
			return check.InvalidConfiguration("Target group stickiness is not supported on TLS listeners")
		}
		sticky := func(tg *account.TargetGroup) bool { return tg.Attributes["stickiness.enabled"] == "true" }
		if f := a.Forward; f != nil && len(f.TargetGroups) > 1 && !f.Stickiness.Enabled && lb.Type == request.Application &&
			slices.ContainsFunc(groups, sticky) {
			return routing.InvalidAction("You must enable target group stickiness on the action, because a target group of it " +
				"has stickiness enabled")
		}
	}
	for _, tg := range groups {
		if err := fitGroup(lb, protocol, tg, len(actions) > 1); err != nil {
			return err
		}
		if reference := slices.IndexFunc(groups, func(o *account.TargetGroup) bool {
			return o.IPAddressType != ""
		}); tg.IPAddressType != "" &&
			tg.IPAddressType != groups[reference].IPAddressType {
			return check.InvalidConfiguration("The target groups of an action must have the same IP address type")
		}
		if lb.Type == request.Network && tg.Protocol != groups[0].Protocol {
			return incompatible(tg)
		}
	}
	return nil
}

// fitGroup requires that one target group suits the listener.
func fitGroup(lb *account.LoadBalancer, protocol string, tg *account.TargetGroup, identifies bool) error {
	switch {
	case !slices.Contains(targetProtocols[protocol], tg.Protocol):
		return incompatible(tg)
	case tg.TargetType == "alb" && protocol != "TCP":
		return incompatible(tg)
	case (tg.ProtocolVersion == "GRPC" || tg.ProtocolVersion == "HTTP2") && protocol != "HTTPS":
		return routing.InvalidAction("Listener protocol '%s' is not supported with a target group with the "+
			"protocol-version '%s'", protocol, tg.ProtocolVersion)
	case tg.ProtocolVersion == "GRPC" && identifies:
		return routing.InvalidAction("Target groups with the protocol-version 'GRPC' support actions of type 'forward' only")
	case tg.VPC != "" && tg.VPC != lb.VPC:
		return check.InvalidConfiguration("The following target groups are not in the same VPC as the load balancer: '%s'",
			tg.ARN)
	case tg.IPAddressType == "ipv6" && lb.IPAddressType == "ipv4":
		return check.InvalidConfiguration("The following target groups have the IP address type 'ipv6', which a load "+
			"balancer with the IP address type 'ipv4' does not support: '%s'", tg.ARN)
	case (targetgroup.IsUDP(protocol) || targetgroup.IsQUIC(protocol)) && lb.IPAddressType == "dualstack" &&
		lb.SourceNAT != "on":
		return check.InvalidConfiguration("%s listeners of dualstack load balancers require "+
			"EnablePrefixForIpv6SourceNat to be 'on'", protocol)
	case targetgroup.IsUDP(protocol) && lb.IPAddressType == "dualstack" && tg.IPAddressType != "ipv6":
		return check.InvalidConfiguration("%s listeners of dualstack load balancers support target groups with the IP "+
			"address type 'ipv6' only: '%s'", protocol, tg.ARN)
	}
	return nil
}

func incompatible(tg *account.TargetGroup) error {
	return apierr.New("IncompatibleProtocols", "The following target groups have incompatible protocols: '%s'", tg.ARN)
}

// associable requires that the target groups of actions are, or may become, lb's. replaced is the rule whose actions
// they will be; nil for a new one.
func (s *Listeners) associable(lb *account.LoadBalancer, actions []account.Action, replaced *account.Rule) error {
	arns := account.TargetGroupsOf(actions)
	for _, arn := range arns {
		tg := s.account.TargetGroups[arn]
		if tg.LoadBalancer != nil && tg.LoadBalancer != lb {
			return apierr.New("TargetGroupAssociationLimit",
				"The following target groups cannot be associated with more than one load balancer: %s", arn)
		}
	}
	if err := targetgroup.CheckAssociatedTargets(s.account, lb, arns); err != nil {
		return err
	}
	if lb.Type != request.Application {
		return nil
	}
	unique := map[string]bool{}
	for _, l := range lb.Listeners {
		for _, r := range l.Rules {
			if r == replaced {
				continue
			}
			for _, arn := range r.TargetGroups() {
				unique[arn] = true
			}
		}
	}
	for _, arn := range arns {
		unique[arn] = true
	}
	most := s.account.Quota(request.QuotaGroupsPerALB)
	return check.When(len(unique) > most, apierr.New("TooManyUniqueTargetGroupsPerLoadBalancer",
		"The maximum number of unique target groups per load balancer, '%d', would be exceeded", most))
}
