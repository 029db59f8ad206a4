package targetgroup

import (
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// everyZone is the availability zone of targets outside of the VPC that every zone may use.
const everyZone = "all"

var (
	instanceID  = regexp.MustCompile(`^i-[0-9a-f]{8}([0-9a-f]{9})?$`)
	functionARN = regexp.MustCompile(
		`^arn:[a-z-]+:lambda:([a-z0-9-]+):\d{12}:function:[a-zA-Z0-9-_.$]+(:[a-zA-Z0-9-_$]+)?$`)
	quicServerID = regexp.MustCompile(`^0x[0-9a-f]{16}$`)
)

// outside is the ranges beyond the VPC that targets may be in: RFC 1918 and RFC 6598.
var outside = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("100.64.0.0/10"),
}

// oldGenerations are the families of instances that cannot be targets by id of network load balancers that preserve the
// client's address: Network Load Balancer user guide, "Register targets".
var oldGenerations = []string{"c1", "cc1", "cc2", "cg1", "cg2", "cr1", "g1", "g2", "hi1", "hs1", "m1", "m2", "m3", "t1"}

// wantedTarget is the target that a description means, checked against the account.
func (s *TargetGroups) wantedTarget(tg *account.TargetGroup, d types.TargetDescription) (*account.Target, error) {
	t := &account.Target{ID: *d.Id, Port: tg.Port, Zone: aws.ToString(d.AvailabilityZone),
		QUICServerID: aws.ToString(d.QuicServerId)}
	if d.Port != nil {
		t.Port = *d.Port
	}
	switch {
	case IsQUIC(tg.Protocol) && !quicServerID.MatchString(t.QUICServerID):
		return nil, check.Invalid("A QUIC server ID of the form 0x and 16 lowercase hexadecimal digits must be specified "+
			"for targets of target groups with the %s protocol", tg.Protocol)
	case !IsQUIC(tg.Protocol) && t.QUICServerID != "":
		return nil, check.Invalid("A QUIC server ID cannot be specified for targets of target groups with the %s protocol",
			tg.Protocol)
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
func (s *TargetGroups) checkInstance(tg *account.TargetGroup, t *account.Target) error {
	i, ok := s.account.Instance(t.ID)
	switch {
	case t.Zone != "":
		return check.Invalid("An Availability Zone cannot be specified for targets with target type 'instance'")
	case !ok:
		return invalidTarget("Instance ID '%s' is not valid", t.ID)
	case i.VPC != tg.VPC:
		return invalidTarget("The following targets are not in the target group VPC '%s': '%s'", tg.VPC, t.ID)
	case i.State != "running":
		return invalidTarget("The following targets are not in a running state and cannot be registered: '%s'", t.ID)
	case keepsClientIP(tg) && slices.Contains(oldGenerations, instanceFamily(i.Type)):
		return invalidTarget("The following targets have an instance type that does not support client IP preservation: '%s'",
			t.ID)
	case tg.IPAddressType == "ipv6" && !s.hasPrimaryIPv6(i):
		return invalidTarget("The following targets do not have a primary IPv6 address: '%s'", t.ID)
	}
	t.Zone = i.Zone
	return nil
}

func instanceFamily(typ string) string {
	name, _, _ := strings.Cut(typ, ".")
	return name
}

func keepsClientIP(tg *account.TargetGroup) bool {
	return family(tg) == networkFamily && tg.Attributes[preserveClient] == "true"
}

func (s *TargetGroups) hasPrimaryIPv6(i *vpc.Instance) bool {
	if len(i.Interfaces) == 0 {
		return false
	}
	n, ok := s.account.Interface(i.Interfaces[0])
	return ok && len(n.IPv6Addresses) > 0
}

// checkAddress checks an address and finds its zone.
func (s *TargetGroups) checkAddress(tg *account.TargetGroup, t *account.Target) error {
	addr, err := netip.ParseAddr(t.ID)
	if err != nil || addr.Zone() != "" {
		return check.Invalid("The IP address '%s' is not valid", t.ID)
	}
	if addr.Is4() != (tg.IPAddressType == "ipv4") {
		return check.Invalid("The IP address '%s' does not have the IP address type '%s' of the target group", t.ID,
			tg.IPAddressType)
	}
	t.ID = addr.String()
	apart := tg.Attributes[targetCrossZone] == "false"
	if vpc, ok := s.account.VPC(tg.VPC); ok && vpc.InVPC(addr) {
		if t.Zone == everyZone {
			return check.Invalid("The Availability Zone '%s' cannot be specified for the IP address '%s', which is "+
				"within the VPC", everyZone, t.ID)
		}
		subnet, ok := s.account.SubnetAt(tg.VPC, addr)
		if !ok {
			return nil
		}
		if t.Zone != "" && t.Zone != subnet.Zone && zonal(tg) {
			return check.Invalid("The Availability Zone of the IP address '%s' is '%s', not '%s'", t.ID, subnet.Zone, t.Zone)
		}
		t.Zone = subnet.Zone
		return nil
	}
	if !private(addr) {
		return check.Invalid("The IP address '%s' is not valid: it must be a private IP address of the VPC '%s' or of the "+
			"ranges of RFC 1918 and RFC 6598", t.ID, tg.VPC)
	}
	if t.Zone == "" {
		return check.Invalid("The IP address '%s' is not within a range of the VPC: you must specify an Availability Zone",
			t.ID)
	}
	if t.Zone == everyZone {
		return check.When(apart, check.InvalidConfiguration("The Availability Zone '%s' cannot be specified while "+
			"cross-zone load balancing is disabled on the target group", everyZone))
	}
	return check.When(s.account.Zones[t.Zone] == nil, check.Invalid("The Availability Zone '%s' is not valid", t.Zone))
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
func (s *TargetGroups) checkFunction(t *account.Target, d types.TargetDescription) error {
	m := functionARN.FindStringSubmatch(t.ID)
	switch {
	case m == nil || m[1] != s.account.Region:
		return invalidTarget("'%s' is not the ARN of a Lambda function in the region '%s'", t.ID, s.account.Region)
	case d.Port != nil:
		return check.Invalid("A port cannot be specified for targets with target type 'lambda'")
	case t.Zone != "" && t.Zone != everyZone:
		return check.Invalid("The Availability Zone '%s' is not valid for targets with target type 'lambda'", t.Zone)
	}
	return check.When(s.account.Invocable != nil && !s.account.Invocable[t.ID],
		apierr.WithStatus(http.StatusForbidden, "AccessDenied", "elasticloadbalancing principal does not have "+
			"permission to invoke %s", t.ID))
}

// checkBalancer checks an application load balancer behind a network load balancer.
func (s *TargetGroups) checkBalancer(tg *account.TargetGroup, t *account.Target) error {
	if err := request.WellFormed(s.account, request.KindLoadBalancer, t.ID); err != nil {
		return err
	}
	lb := s.account.LoadBalancers[t.ID]
	if lb == nil || lb.Type != request.Application {
		return invalidTarget("'%s' is not an Application Load Balancer", t.ID)
	}
	state, _ := lb.StateAt(s.account.Clock.Now())
	switch {
	case t.Port != tg.Port:
		return check.Invalid("The port '%d' of the target must be the port '%d' of the target group", t.Port, tg.Port)
	case lb.VPC != tg.VPC:
		return invalidTarget("The following targets are not in the target group VPC '%s': '%s'", tg.VPC, t.ID)
	case state != "active":
		return invalidTarget("The load balancer '%s' must be in the active state, but is in the state '%s'", t.ID, state)
	case lb.Listener(t.Port) == nil:
		return invalidTarget("The load balancer '%s' has no listener on port '%d'", t.ID, t.Port)
	}
	return nil
}
