package awssim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Resources is a picture of the account now, with what the data plane serves of it.
func (s *Simulator) Resources() simclient.Resources {
	r := describeAccount(s.Account)
	traffic := s.Traffic()
	for i := range r.LoadBalancers {
		lb := &r.LoadBalancers[i]
		s.markZones(lb)
		for j := range lb.Listeners {
			for k := range lb.Listeners[j].Rules {
				rule := &lb.Listeners[j].Rules[k]
				rule.Requests = traffic.Rules[rule.ARN]
			}
		}
	}
	return r
}

func describeAccount(a *account.Account) simclient.Resources {
	a.Lock()
	defer a.Unlock()
	r := simclient.Resources{
		Account: a.ID, Region: a.Region,
		LoadBalancers: []simclient.LoadBalancer{}, TargetGroups: []simclient.TargetGroup{},
		SecurityGroups: []simclient.SecurityGroup{}, Certificates: []simclient.Certificate{},
	}
	for _, lb := range a.LoadBalancersInOrder() {
		r.LoadBalancers = append(r.LoadBalancers, describeLoadBalancer(a, lb))
	}
	for _, tg := range a.TargetGroupsInOrder() {
		r.TargetGroups = append(r.TargetGroups, describeTargetGroup(a, tg))
	}
	for _, id := range slices.Sorted(maps.Keys(a.SecurityGroups)) {
		g := a.SecurityGroups[id]
		r.SecurityGroups = append(r.SecurityGroups, simclient.SecurityGroup{
			ID: g.ID, Name: g.Name, Description: g.Description, VPC: g.VPC, Tags: maps.Clone(g.Tags),
			Ingress: describePermissions(g.Ingress), Egress: describePermissions(g.Egress),
		})
	}
	a.SettleCertificates()
	for _, arn := range slices.Sorted(maps.Keys(a.Certificates)) {
		c := a.Certificates[arn]
		names := slices.Clone(c.AlternativeNames)
		if len(names) == 0 {
			names = []string{c.Domain}
		}
		r.Certificates = append(r.Certificates, simclient.Certificate{ARN: c.ARN, Names: names, Status: c.Status})
	}
	describeEdge(a, &r)
	return r
}

func describeLoadBalancer(a *account.Account, lb *account.LoadBalancer) simclient.LoadBalancer {
	state, _ := lb.StateAt(a.Clock.Now())
	d := simclient.LoadBalancer{
		ARN: lb.ARN, Name: lb.Name, DNSName: lb.DNSName, Type: lb.Type, Scheme: lb.Scheme, IPAddressType: lb.IPAddressType,
		State: state, VPC: lb.VPC, SecurityGroups: slices.Clone(lb.SecurityGroups), Attributes: maps.Clone(lb.Attributes),
		Tags:      maps.Clone(lb.Tags),
		Listeners: []simclient.Listener{},
	}
	for _, z := range lb.Zones {
		at := zone(a, z)
		d.Zones = append(d.Zones, simclient.Zone{Name: z.Name, Subnet: z.Subnet, Private: at.Private, Public: at.Public,
			IPv6: at.IPv6})
	}
	for _, l := range lb.Listeners {
		described := simclient.Listener{
			ARN: l.ARN, Port: l.Port, Protocol: l.Protocol, Certificates: certificates(l), SSLPolicy: l.SSLPolicy,
			Attributes: maps.Clone(l.Attributes), Tags: maps.Clone(l.Tags),
		}
		for _, r := range l.Rules {
			described.Rules = append(described.Rules, describeRule(a, r))
		}
		d.Listeners = append(d.Listeners, described)
	}
	return d
}

func describeRule(a *account.Account, r *account.Rule) simclient.Rule {
	priority := "default"
	if !r.Default {
		priority = strconv.Itoa(int(r.Priority))
	}
	actions := make([]stack.Action, len(r.Actions)) // authentication with its type alone
	for i, action := range r.Actions {
		actions[i] = action.Action
	}
	name := func(arn string) string {
		if tg := a.TargetGroups[arn]; tg != nil {
			return tg.Name
		}
		return arn
	}
	return simclient.Rule{
		ARN: r.ARN, Priority: priority, Conditions: r.Conditions, Actions: actions, Transforms: r.Transforms,
		Tags: maps.Clone(r.Tags),
		Text: simclient.RuleText(r.Conditions, actions, r.Transforms, name),
	}
}

func describeTargetGroup(a *account.Account, tg *account.TargetGroup) simclient.TargetGroup {
	a.PurgeTargets(tg)
	d := simclient.TargetGroup{
		ARN: tg.ARN, Name: tg.Name, TargetType: tg.TargetType, Protocol: tg.Protocol, ProtocolVersion: tg.ProtocolVersion,
		Port: tg.Port, VPC: tg.VPC, HealthCheck: healthCheckText(tg.HealthCheck), Attributes: maps.Clone(tg.Attributes),
		Tags:    maps.Clone(tg.Tags),
		Targets: []simclient.Target{},
	}
	if tg.LoadBalancer != nil {
		d.LoadBalancer = tg.LoadBalancer.ARN
	}
	for _, t := range tg.SortedTargets() {
		h := a.TargetHealth(tg, t)
		described := simclient.Target{
			ID: t.ID, Port: t.Port, Zone: t.Zone, State: h.State, Reason: h.Reason, Description: h.Description,
			QUICServerID: t.QUICServerID,
		}
		for _, c := range t.History {
			described.History = append(described.History, simclient.HealthChange{Time: c.Time, State: c.State, Reason: c.Reason,
				Description: c.Description})
		}
		d.Targets = append(d.Targets, described)
	}
	return d
}

func healthCheckText(h account.HealthCheck) string {
	if !h.Enabled {
		return "off"
	}
	text := h.Protocol
	if h.Path != "" {
		text += " " + h.Path
	}
	text += " on " + h.Port
	if m := matcher(h); m != "" {
		text += " expects " + m
	}
	return fmt.Sprintf("%s every %ds", text, h.Interval)
}

func describePermissions(permissions []vpc.Permission) []simclient.Permission {
	var described []simclient.Permission
	for _, p := range permissions {
		d := simclient.Permission{ID: p.ID, Protocol: p.Protocol, From: p.From, To: p.To, Description: p.Description}
		if d.Protocol == "-1" {
			d.Protocol = "all"
		}
		switch {
		case p.CIDR.IsValid():
			d.Peer = p.CIDR.String()
		case p.Group != "":
			d.Peer = p.Group
		default:
			d.Peer = p.PrefixList
		}
		described = append(described, d)
	}
	return described
}
