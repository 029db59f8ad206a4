package elbv2

import (
	"context"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// everyZone is the availability zone of targets outside of the VPC that every zone may use.
const everyZone = "all"

// maxTargetsPerCall is how many targets one call registers or deregisters.
const maxTargetsPerCall = 1000

var (
	instanceID   = regexp.MustCompile(`^i-[0-9a-f]{8}([0-9a-f]{9})?$`)
	functionARN  = regexp.MustCompile(`^arn:[a-z-]+:lambda:([a-z0-9-]+):\d{12}:function:[a-zA-Z0-9-_.$]+(:[a-zA-Z0-9-_$]+)?$`)
	quicServerID = regexp.MustCompile(`^0x[0-9a-f]{16}$`)
)

// outside is the ranges beyond the VPC that targets may be in: RFC 1918 and RFC 6598.
var outside = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("100.64.0.0/10"),
}

// invalidTarget is the answer to a target that the account's state does not allow.
func invalidTarget(format string, args ...any) error {
	return apierr.New("InvalidTarget", format, args...)
}

// RegisterTargets registers targets, all or none; those that are registered stay as they are, those that drain come back.
func (s *Service) RegisterTargets(ctx context.Context, in *elb.RegisterTargetsInput, _ ...func(*elb.Options)) (*elb.RegisterTargetsOutput, error) {
	return write(ctx, s, "RegisterTargets", in, s.registerTargets)
}

func (s *Service) registerTargets(in *elb.RegisterTargetsInput) (*elb.RegisterTargetsOutput, error) {
	if err := first(present("targetGroupArn", in.TargetGroupArn), checkDescriptions(in.Targets)); err != nil {
		return nil, err
	}
	tg, err := s.targetGroup(in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	s.account.PurgeTargets(tg)
	now := s.account.Clock.Now()
	wanted := make([]*account.Target, len(in.Targets))
	for i, d := range in.Targets {
		t, err := s.wantedTarget(tg, d)
		if err != nil {
			return nil, err
		}
		t.Registered = now
		wanted[i] = t
	}
	if err := s.checkServerIDs(tg, wanted); err != nil {
		return nil, err
	}
	if err := s.checkTargetQuotas(tg, wanted); err != nil {
		return nil, err
	}
	for _, t := range wanted {
		have := tg.Target(t.ID, t.Port)
		switch {
		case have == nil:
			tg.AddTarget(t)
		case !have.GoneAt.IsZero():
			have.GoneAt, have.Reported, have.Registered = time.Time{}, nil, now
		}
	}
	return &elb.RegisterTargetsOutput{}, nil
}

// checkDescriptions checks the shape of the targets of a request.
func checkDescriptions(targets []types.TargetDescription) error {
	if err := first(some("targets", targets),
		when(len(targets) > maxTargetsPerCall, invalid("You cannot specify more than '%d' targets", maxTargetsPerCall))); err != nil {
		return err
	}
	for _, d := range targets {
		if err := first(present("targets.member.id", d.Id), between("targets.member.port", d.Port, 1, 65535)); err != nil {
			return err
		}
	}
	return nil
}

// checkServerIDs requires that QUIC targets of one listener have server ids of their own. The same target may have the same
// id in several target groups and at several ports.
func (s *Service) checkServerIDs(tg *account.TargetGroup, wanted []*account.Target) error {
	if !isQUIC(tg.Protocol) {
		return nil
	}
	holder := map[string]string{} // server id → target
	for _, o := range s.besides(tg) {
		for _, t := range o.Targets {
			holder[t.QUICServerID] = t.ID
		}
	}
	for _, t := range wanted {
		if have := tg.Target(t.ID, t.Port); have != nil && have.GoneAt.IsZero() {
			continue // it stays as it is
		}
		if id, taken := holder[t.QUICServerID]; taken && id != t.ID {
			return invalid("The QUIC server ID '%s' is already used by the target '%s'", t.QUICServerID, id)
		}
		holder[t.QUICServerID] = t.ID
	}
	return nil
}

// besides is the target groups that share a listener with tg, and tg itself.
func (s *Service) besides(tg *account.TargetGroup) []*account.TargetGroup {
	out := []*account.TargetGroup{tg}
	for _, r := range tg.UsedBy() {
		for _, o := range r.Listener.Rules {
			for _, arn := range o.TargetGroups() {
				if other := s.account.TargetGroups[arn]; !slices.Contains(out, other) {
					out = append(out, other)
				}
			}
		}
	}
	return out
}

// wantedTarget is the target that a description means, checked against the account.
func (s *Service) wantedTarget(tg *account.TargetGroup, d types.TargetDescription) (*account.Target, error) {
	t := &account.Target{ID: *d.Id, Port: tg.Port, Zone: aws.ToString(d.AvailabilityZone), QUICServerID: aws.ToString(d.QuicServerId)}
	if d.Port != nil {
		t.Port = *d.Port
	}
	switch {
	case isQUIC(tg.Protocol) && !quicServerID.MatchString(t.QUICServerID):
		return nil, invalid("A QUIC server ID of the form 0x and 16 lowercase hexadecimal digits must be specified for targets of target groups with the %s protocol", tg.Protocol)
	case !isQUIC(tg.Protocol) && t.QUICServerID != "":
		return nil, invalid("A QUIC server ID cannot be specified for targets of target groups with the %s protocol", tg.Protocol)
	}
	switch tg.TargetType {
	case "instance":
		return t, s.checkInstance(tg, t)
	case "ip":
		return t, s.checkAddress(tg, t)
	case "lambda":
		return t, s.checkFunction(t, d)
	}
	return t, s.checkBalancer(tg, t)
}

// checkInstance checks an instance and finds its zone.
func (s *Service) checkInstance(tg *account.TargetGroup, t *account.Target) error {
	i, ok := s.account.Instance(t.ID)
	switch {
	case t.Zone != "":
		return invalid("An Availability Zone cannot be specified for targets with target type 'instance'")
	case !ok:
		return invalidTarget("Instance ID '%s' is not valid", t.ID)
	case i.VPC != tg.VPC:
		return invalidTarget("The following targets are not in the target group VPC '%s': '%s'", tg.VPC, t.ID)
	case i.State != "running":
		return invalidTarget("The following targets are not in a running state and cannot be registered: '%s'", t.ID)
	case keepsClientIP(tg) && slices.Contains(oldGenerations, instanceFamily(i.Type)):
		return invalidTarget("The following targets have an instance type that does not support client IP preservation: '%s'", t.ID)
	case tg.IPAddressType == "ipv6" && !s.hasPrimaryIPv6(i):
		return invalidTarget("The following targets do not have a primary IPv6 address: '%s'", t.ID)
	}
	t.Zone = i.Zone
	return nil
}

// oldGenerations are the families of instances that cannot be targets by id of network load balancers that preserve the
// client's address: Network Load Balancer user guide, "Register targets".
var oldGenerations = []string{"c1", "cc1", "cc2", "cg1", "cg2", "cr1", "g1", "g2", "hi1", "hs1", "m1", "m2", "m3", "t1"}

func instanceFamily(typ string) string {
	name, _, _ := strings.Cut(typ, ".")
	return name
}

func keepsClientIP(tg *account.TargetGroup) bool {
	return family(tg) == networkFamily && tg.Attributes[preserveClient] == "true"
}

func (s *Service) hasPrimaryIPv6(i *account.Instance) bool {
	if len(i.Interfaces) == 0 {
		return false
	}
	n, ok := s.account.Interface(i.Interfaces[0])
	return ok && len(n.IPv6Addresses) > 0
}

// checkAddress checks an address and finds its zone.
func (s *Service) checkAddress(tg *account.TargetGroup, t *account.Target) error {
	addr, err := netip.ParseAddr(t.ID)
	if err != nil || addr.Zone() != "" {
		return invalid("The IP address '%s' is not valid", t.ID)
	}
	if addr.Is4() != (tg.IPAddressType == "ipv4") {
		return invalid("The IP address '%s' does not have the IP address type '%s' of the target group", t.ID, tg.IPAddressType)
	}
	t.ID = addr.String()
	apart := tg.Attributes[targetCrossZone] == "false"
	if vpc, ok := s.account.VPC(tg.VPC); ok && vpc.InVPC(addr) {
		if t.Zone == everyZone {
			return invalid("The Availability Zone '%s' cannot be specified for the IP address '%s', which is within the VPC", everyZone, t.ID)
		}
		subnet, ok := s.account.SubnetAt(tg.VPC, addr)
		if !ok {
			return nil
		}
		if t.Zone != "" && t.Zone != subnet.Zone && zonal(tg) {
			return invalid("The Availability Zone of the IP address '%s' is '%s', not '%s'", t.ID, subnet.Zone, t.Zone)
		}
		t.Zone = subnet.Zone
		return nil
	}
	if !private(addr) {
		return invalid("The IP address '%s' is not valid: it must be a private IP address of the VPC '%s' or of the ranges of RFC 1918 and RFC 6598", t.ID, tg.VPC)
	}
	if t.Zone == "" {
		return invalid("The IP address '%s' is not within a range of the VPC: you must specify an Availability Zone", t.ID)
	}
	if t.Zone == everyZone {
		return when(apart, contradiction("The Availability Zone '%s' cannot be specified while cross-zone load balancing is disabled on the target group", everyZone))
	}
	return when(s.account.Zones[t.Zone] == nil, invalid("The Availability Zone '%s' is not valid", t.Zone))
}

// zonal reports whether traffic to the target group stays within a zone, by its own attribute or its load balancer's.
func zonal(tg *account.TargetGroup) bool {
	if v := tg.Attributes[targetCrossZone]; v == "true" || v == "false" || tg.LoadBalancer == nil {
		return v == "false"
	}
	return tg.LoadBalancer.Attributes[targetCrossZone] == "false"
}

func private(addr netip.Addr) bool {
	for _, p := range outside {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// checkFunction checks a function.
func (s *Service) checkFunction(t *account.Target, d types.TargetDescription) error {
	m := functionARN.FindStringSubmatch(t.ID)
	switch {
	case m == nil || m[1] != s.account.Region:
		return invalidTarget("'%s' is not the ARN of a Lambda function in the region '%s'", t.ID, s.account.Region)
	case d.Port != nil:
		return invalid("A port cannot be specified for targets with target type 'lambda'")
	case t.Zone != "" && t.Zone != everyZone:
		return invalid("The Availability Zone '%s' is not valid for targets with target type 'lambda'", t.Zone)
	}
	return when(s.account.Invocable != nil && !s.account.Invocable[t.ID],
		apierr.WithStatus(http.StatusForbidden, "AccessDenied", "elasticloadbalancing principal does not have permission to invoke %s", t.ID))
}

// checkBalancer checks an application load balancer behind a network load balancer.
func (s *Service) checkBalancer(tg *account.TargetGroup, t *account.Target) error {
	if err := s.wellFormed(kindLoadBalancer, t.ID); err != nil {
		return err
	}
	lb := s.account.LoadBalancers[t.ID]
	if lb == nil || lb.Type != application {
		return invalidTarget("'%s' is not an Application Load Balancer", t.ID)
	}
	state, _ := lb.StateAt(s.account.Clock.Now())
	switch {
	case t.Port != tg.Port:
		return invalid("The port '%d' of the target must be the port '%d' of the target group", t.Port, tg.Port)
	case lb.VPC != tg.VPC:
		return invalidTarget("The following targets are not in the target group VPC '%s': '%s'", tg.VPC, t.ID)
	case state != "active":
		return invalidTarget("The load balancer '%s' must be in the active state, but is in the state '%s'", t.ID, state)
	case lb.Listener(t.Port) == nil:
		return invalidTarget("The load balancer '%s' has no listener on port '%d'", t.ID, t.Port)
	}
	return nil
}

type targetID struct {
	id   string
	port int32
}

// DeregisterTargets lets targets drain; those that are not registered are no error.
func (s *Service) DeregisterTargets(ctx context.Context, in *elb.DeregisterTargetsInput, _ ...func(*elb.Options)) (*elb.DeregisterTargetsOutput, error) {
	return write(ctx, s, "DeregisterTargets", in, func(in *elb.DeregisterTargetsInput) (*elb.DeregisterTargetsOutput, error) {
		if err := first(present("targetGroupArn", in.TargetGroupArn), checkDescriptions(in.Targets)); err != nil {
			return nil, err
		}
		tg, err := s.targetGroup(in.TargetGroupArn)
		if err != nil {
			return nil, err
		}
		ids := make([]targetID, len(in.Targets))
		for i, d := range in.Targets {
			if ids[i], err = identity(tg, d); err != nil {
				return nil, err
			}
			if tg.TargetType == "instance" && !instanceID.MatchString(ids[i].id) && tg.Target(ids[i].id, ids[i].port) == nil {
				return nil, invalidTarget("Instance ID '%s' is not valid", ids[i].id)
			}
		}
		seconds, _ := strconv.Atoi(tg.Attributes[deregDelay]) // functions have none
		drain := s.account.Profile.DrainFor(time.Duration(seconds) * time.Second)
		gone := s.account.Clock.Now().Add(drain)
		for _, id := range ids {
			if t := tg.Target(id.id, id.port); t != nil && t.GoneAt.IsZero() {
				t.LeftAt, t.GoneAt, t.Reported = s.account.Clock.Now(), gone, nil
			}
		}
		if drain <= 0 {
			s.account.PurgeTargets(tg)
			return &elb.DeregisterTargetsOutput{}, nil
		}
		s.account.Clock.AfterFunc(drain, func() {
			s.account.Lock()
			s.account.PurgeTargets(tg)
			s.account.Unlock()
			s.account.Changed()
		})
		return &elb.DeregisterTargetsOutput{}, nil
	})
}

// identity is the target that a description names.
func identity(tg *account.TargetGroup, d types.TargetDescription) (targetID, error) {
	if err := first(present("targets.member.id", d.Id), between("targets.member.port", d.Port, 1, 65535)); err != nil {
		return targetID{}, err
	}
	id := targetID{*d.Id, tg.Port}
	if d.Port != nil {
		id.port = *d.Port
	}
	if addr, err := netip.ParseAddr(id.id); err == nil && tg.TargetType == "ip" {
		id.id = addr.String()
	}
	return id, nil
}

// DescribeTargetHealth answers the state of all targets, or of the given ones.
func (s *Service) DescribeTargetHealth(ctx context.Context, in *elb.DescribeTargetHealthInput, _ ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error) {
	return read(ctx, s, "DescribeTargetHealth", in, s.describeTargetHealth)
}

func (s *Service) describeTargetHealth(in *elb.DescribeTargetHealthInput) (*elb.DescribeTargetHealthOutput, error) {
	tg, err := s.targetGroup(in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	anomalies, overrides := false, false
	for _, i := range in.Include {
		if err := oneOf("include", i, i.Values()); err != nil {
			return nil, err
		}
		anomalies = true
		overrides = overrides || i == types.DescribeTargetHealthInputIncludeEnumAll
	}
	s.account.PurgeTargets(tg)
	out := &elb.DescribeTargetHealthOutput{TargetHealthDescriptions: []types.TargetHealthDescription{}}
	add := func(t *account.Target, h account.Health) {
		d := describeTarget(tg, t, h)
		if anomalies && family(tg) == httpFamily && h.State == account.Healthy {
			d.AnomalyDetection = &types.AnomalyDetection{Result: types.AnomalyResultEnumNormal, MitigationInEffect: types.MitigationInEffectEnumNo}
		}
		if overrides {
			d.AdministrativeOverride = &types.AdministrativeOverride{
				State:  types.TargetAdministrativeOverrideStateEnumNoOverride,
				Reason: types.TargetAdministrativeOverrideReasonEnumNoOverrideEngaged, Description: aws.String("No override is currently active on target"),
			}
		}
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, d)
	}
	if len(in.Targets) == 0 {
		for _, t := range tg.SortedTargets() {
			add(t, s.account.TargetHealth(tg, t))
		}
		return out, nil
	}
	for _, d := range in.Targets {
		id, err := identity(tg, d)
		if err != nil {
			return nil, err
		}
		if t := tg.Target(id.id, id.port); t != nil {
			add(t, s.account.TargetHealth(tg, t))
			continue
		}
		if _, ok := s.account.Instance(id.id); tg.TargetType == "instance" && !ok {
			return nil, invalidTarget("The following targets are not valid: '%s'", id.id)
		}
		add(&account.Target{ID: id.id, Port: id.port}, account.NotRegistered)
	}
	return out, nil
}

func describeTarget(tg *account.TargetGroup, t *account.Target, h account.Health) types.TargetHealthDescription {
	out := types.TargetHealthDescription{
		Target: &types.TargetDescription{Id: aws.String(t.ID), QuicServerId: optional(t.QUICServerID)},
		TargetHealth: &types.TargetHealth{
			State: types.TargetHealthStateEnum(h.State), Reason: types.TargetHealthReasonEnum(h.Reason), Description: optional(h.Description),
		},
	}
	if t.Port != 0 {
		out.Target.Port = aws.Int32(t.Port)
		out.HealthCheckPort = aws.String(strings.Replace(tg.HealthCheck.Port, "traffic-port", strconv.Itoa(int(t.Port)), 1))
	}
	if tg.TargetType == "ip" {
		out.Target.AvailabilityZone = optional(t.Zone)
	}
	return out
}
