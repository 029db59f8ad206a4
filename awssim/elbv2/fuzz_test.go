package elbv2

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/awssim/sslpolicy"
)

// families are groups of actions, each with the other actions that it needs.
var families = map[string][]string{
	"load balancer": {"CreateLoadBalancer", "CreateLoadBalancer", "DeleteLoadBalancer", "DescribeLoadBalancers",
		"SetSubnets", "SetSecurityGroups", "SetIpAddressType",
		"ModifyLoadBalancerAttributes", "DescribeLoadBalancerAttributes", "ModifyCapacityReservation",
		"DescribeCapacityReservation", "ModifyIpPools", "DescribeAccountLimits",
		"CreateTargetGroup", "CreateListener"},
	"target group": {"CreateTargetGroup", "CreateTargetGroup", "ModifyTargetGroup", "DeleteTargetGroup",
		"DescribeTargetGroups", "ModifyTargetGroupAttributes", "DescribeTargetGroupAttributes",
		"RegisterTargets", "RegisterTargets", "DeregisterTargets", "DescribeTargetHealth", "CreateLoadBalancer",
		"CreateListener", "DeleteListener", "DeleteLoadBalancer"},
	"listener": {"CreateLoadBalancer", "CreateTargetGroup", "CreateListener", "CreateListener", "ModifyListener",
		"DeleteListener", "DescribeListeners", "ModifyListenerAttributes",
		"DescribeListenerAttributes", "AddListenerCertificates", "RemoveListenerCertificates", "DescribeListenerCertificates",
		"DescribeSSLPolicies", "DeleteTargetGroup"},
	"rule": {"CreateLoadBalancer", "CreateTargetGroup", "CreateListener", "CreateRule", "CreateRule", "CreateRule",
		"ModifyRule", "SetRulePriorities", "DescribeRules", "DeleteRule",
		"AddTags", "RemoveTags", "DescribeTags", "ModifyListener", "DeleteListener"},
	"trust store": {"CreateTrustStore", "ModifyTrustStore", "DeleteTrustStore", "DescribeTrustStores",
		"AddTrustStoreRevocations", "RemoveTrustStoreRevocations", "DescribeTrustStoreRevocations",
		"DescribeTrustStoreAssociations", "GetTrustStoreCaCertificatesBundle", "GetTrustStoreRevocationContent",
		"GetResourcePolicy", "DeleteSharedTrustStoreAssociation",
		"CreateLoadBalancer", "CreateListener", "ModifyListener", "AddTags"},
}

func FuzzLoadBalancerCalls(f *testing.F) { fuzzFamily(f, "load balancer") }
func FuzzTargetGroupCalls(f *testing.F)  { fuzzFamily(f, "target group") }
func FuzzListenerCalls(f *testing.F)     { fuzzFamily(f, "listener") }
func FuzzRuleCalls(f *testing.F)         { fuzzFamily(f, "rule") }
func FuzzTrustStoreCalls(f *testing.F)   { fuzzFamily(f, "trust store") }

func fuzzFamily(f *testing.F, family string) {
	for seed := range uint64(3) {
		f.Add(program(seed, 600))
	}
	f.Fuzz(func(t *testing.T, data []byte) { (&caller{source: source{data: data}}).run(t, families[family]) })
}

// program is random bytes that the same seed repeats.
func program(seed uint64, size int) []byte {
	r := rand.New(rand.NewPCG(seed, 80))
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// TestTheFuzzersReachEveryAction shows that the programs the fuzzers begin with are not all refused.
func TestTheFuzzersReachEveryAction(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("twelve programs for each family of actions")
	}
	reached := map[string]bool{}
	for family, actions := range families {
		for seed := range uint64(12) {
			c := &caller{source: source{data: program(1000+seed, 4096)}, reached: reached}
			c.run(t, actions)
			if t.Failed() {
				t.Fatalf("family %s, seed %d", family, 1000+seed)
			}
		}
	}
	service := reflect.TypeFor[*Service]()
	for i := range service.NumMethod() {
		if m := service.Method(i); m.Type.NumIn() == 4 && !reached[m.Name] && m.Name != "GetResourcePolicy" &&
			m.Name != "DeleteSharedTrustStoreAssociation" {
			t.Errorf("%s never succeeds", m.Name)
		}
	}
}

// errorCodes are those that the API reference names for its actions or for all of them.
var errorCodes = strings.Fields("ALPNPolicyNotFound AccessDenied AllocationIdNotFound AssociationNotFound " +
	"AvailabilityZoneNotSupported CaCertificatesBundleNotFound " +
	"CapacityDecreaseRequestLimitExceeded CapacityReservationPending CapacityUnitsLimitExceeded CertificateNotFound " +
	"DeleteAssociationSameAccount DuplicateListener DuplicateLoadBalancerName DuplicateTagKeys DuplicateTargetGroupName " +
	"DuplicateTrustStoreName HealthUnavailable IncompatibleProtocols InsufficientCapacity InvalidCaCertificatesBundle " +
	"InvalidConfigurationRequest InvalidLoadBalancerAction InvalidRevocationContent InvalidScheme InvalidSecurityGroup " +
	"InvalidSubnet " +
	"InvalidTarget ListenerNotFound LoadBalancerNotFound OperationNotPermitted PriorRequestNotComplete PriorityInUse " +
	"ResourceInUse " +
	"ResourceNotFound RevocationContentNotFound RevocationIdNotFound RuleNotFound SSLPolicyNotFound SubnetNotFound " +
	"TargetGroupAssociationLimit TargetGroupNotFound TooManyActions TooManyCertificates TooManyListeners " +
	"TooManyLoadBalancers " +
	"TooManyRegistrationsForTargetId TooManyRules TooManyTags TooManyTargetGroups TooManyTargets " +
	"TooManyTrustStoreRevocationEntries " +
	"TooManyTrustStores TooManyUniqueTargetGroupsPerLoadBalancer TrustStoreInUse TrustStoreNotFound TrustStoreNotReady " +
	"UnsupportedCertificate UnsupportedProtocol ValidationError")

// source is a program that is read byte by byte; behind its end there are zeros.
type source struct {
	data []byte
	at   int
}

func (s *source) done() bool { return s.at >= len(s.data) }

// n is a number in [0, most).
func (s *source) n(most int) int {
	if s.done() {
		return 0
	}
	v := int(s.data[s.at])
	s.at++
	if most > 256 && !s.done() {
		v = v<<8 | int(s.data[s.at])
		s.at++
	}
	return v % most
}

func (s *source) of(list ...string) string { return list[s.n(len(list))] }

// caller makes the calls that a program means, and looks after each whether the account is whole.
type caller struct {
	source
	*fixture
	reached map[string]bool
}

func (c *caller) run(t *testing.T, actions []string) {
	c.fixture = newFixture(t, account.Fast())
	f := c.fixture
	f.ok(f.account.SetQuota(request.QuotaRules, 3))
	f.ok(f.account.SetQuota(quotaCapacity, 20000))
	f.ok(f.account.SetQuota(request.QuotaTargetsPerALB, 4))
	f.upload("ca.pem", testAuthority(t).pem)
	f.upload("a.crl", testRevocations(t))
	f.upload("junk", []byte("junk"))
	c.begin()
	for calls := 0; !c.done() && calls < 200; calls++ {
		if c.n(8) == 0 {
			f.clock.Advance(time.Duration(c.n(200)) * time.Millisecond)
		}
		c.call(t, c.of(actions...))
		f.account.Lock()
		faults := f.account.Check()
		f.account.Unlock()
		if len(faults) > 0 {
			t.Fatal(faults)
		}
	}
}

// begin gives the account something of each kind, so that calls find it.
func (c *caller) begin() {
	f := c.fixture
	web := f.group("HTTP")
	f.group("TCP")
	alb := f.alb()
	for port := range int32(2) {
		_, err := f.addRule(f.listen(alb, "HTTPS", 443+port, forwardTo(web)), 1, respond("200"))
		f.ok(err)
	}
	f.nlb()
	store, err := f.store("n0", "ca.pem")
	f.ok(err)
	_, err = f.AddTrustStoreRevocations(f.ctx, &elb.AddTrustStoreRevocationsInput{TrustStoreArn: store.TrustStoreArn,
		RevocationContents: []types.RevocationContent{{S3Bucket: aws.String("pki"), S3Key: aws.String("a.crl")}}})
	f.ok(err)
}

func (c *caller) call(t *testing.T, action string) {
	method := reflect.ValueOf(c.Service).MethodByName(action)
	in := reflect.New(method.Type().In(1).Elem())
	c.fill(in.Elem(), "", action)
	if c.n(5) != 0 {
		c.tidy(in.Interface())
	}
	before := fingerprint(c.account)
	results := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
	err, _ := results[1].Interface().(error)
	if err == nil {
		if c.reached != nil {
			c.reached[action] = true
		}
		return
	}
	if e := apierr.As(err); e == nil || !slices.Contains(errorCodes, e.Code) || e.Message == "" || e.Status < 400 ||
		strings.Contains(e.Message, "%!") {
		t.Fatalf("%s answers no error of AWS's: %v", action, err)
	}
	if after := fingerprint(c.account); after != before {
		t.Fatalf("%s was refused (%v), but changed the account\nfrom %s\nto   %s", action, err, before, after)
	}
}

// tidy makes sense of what random filling seldom does: parts of a request that must fit each other.
func (c *caller) tidy(in any) {
	actions := func() []types.Action {
		switch c.n(4) {
		case 0:
			return respond(c.of("200", "404"))
		case 1:
			return forwardTo(c.known("target group"), c.known("target group"))
		}
		return forwardTo(c.known("target group"))
	}
	certificates := func(protocol types.ProtocolEnum) []types.Certificate {
		if !secure(string(protocol)) {
			return nil
		}
		return []types.Certificate{{CertificateArn: aws.String(c.of(cert1, cert2))}}
	}
	switch in := in.(type) {
	case *elb.CreateLoadBalancerInput:
		in.Subnets, in.SubnetMappings, in.SecurityGroups, in.Tags = []string{subnetA, subnetB}, nil, nil, nil
		in.Type, in.Scheme = types.LoadBalancerTypeEnum(c.of("", "application", "network")), types.LoadBalancerSchemeEnum(
			c.of("", "internal"))
		in.IpAddressType = types.IpAddressType(c.of("", "", "dualstack"))
	case *elb.CreateTargetGroupInput:
		in.VpcId, in.Tags = aws.String(vpc1), nil
		in.TargetType, in.Matcher = types.TargetTypeEnum(c.of("ip", "ip", "instance", "lambda")), nil
		if in.TargetType == "lambda" {
			in.Protocol, in.Port, in.VpcId = "", nil, nil
		}
	case *elb.CreateListenerInput:
		in.Protocol, in.Port, in.Tags = types.ProtocolEnum(c.of("HTTP", "HTTP", "HTTPS", "TCP", "UDP", "TLS")),
			aws.Int32(int32(80+c.n(4))), nil
		in.DefaultActions, in.Certificates, in.AlpnPolicy, in.MutualAuthentication = actions(), certificates(in.Protocol),
			nil, nil
		if in.Protocol == "HTTPS" && c.n(2) == 0 {
			in.MutualAuthentication = &types.MutualAuthenticationAttributes{Mode: aws.String("verify"),
				TrustStoreArn: aws.String(c.known("trust store"))}
		}
	case *elb.ModifyListenerInput:
		in.Protocol = types.ProtocolEnum(c.of("", "HTTP", "HTTPS"))
		in.DefaultActions, in.Certificates, in.AlpnPolicy, in.MutualAuthentication = actions(), certificates(in.Protocol),
			nil, nil
	case *elb.CreateRuleInput:
		in.Priority, in.Tags, in.Transforms = aws.Int32(int32(1+c.n(4))), nil, nil
		in.Conditions, in.Actions = onPath(c.of("/", "/a", "/*")), actions()
	case *elb.ModifyRuleInput:
		in.Conditions, in.Actions = onPath(c.of("/", "/a", "/*")), actions()
	case *elb.ModifyIpPoolsInput:
		in.IpamPools = &types.IpamPools{Ipv4IpamPoolId: aws.String("ipam-pool-1")}
	case *elb.RemoveListenerCertificatesInput:
		in.Certificates = certificates("TLS")
	case *elb.AddListenerCertificatesInput:
		in.Certificates = certificates("TLS")
	}
}

// mostlyGiven are fields that calls mostly have; others are mostly left out.
var mostlyGiven = strings.Fields(
	`Name LoadBalancerArn TargetGroupArn ListenerArn RuleArn TrustStoreArn ResourceArn ResourceArns Protocol Port VpcId DefaultActions Actions Conditions
	Priority Subnets Targets Id Type Field Key Value Attributes Values RevocationContents S3Bucket S3Key CaCertificatesBundleS3Bucket CaCertificatesBundleS3Key RevocationId RevocationIds
	SecurityGroups RulePriorities StatusCode FixedResponseConfig TagKeys Tags Certificates CertificateArn IpAddressType CapacityUnits Regex Replace Rewrites
	PathPatternConfig TargetType Mode`)

// fill sets a field by its type and, for what has a meaning, by its name.
func (c *caller) fill(v reflect.Value, field, action string) {
	given := c.n(24) != 0
	if !slices.Contains(mostlyGiven, field) && field != "" {
		given = c.n(40) == 0
	}
	switch v.Kind() {
	case reflect.Pointer:
		if given {
			p := reflect.New(v.Type().Elem())
			c.fill(p.Elem(), field, action)
			v.Set(p)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				c.fill(v.Field(i), f.Name, action)
			}
		}
	case reflect.Slice:
		if !given {
			return
		}
		n := []int{1, 1, 1, 1, 2, 2, 3, 0}[c.n(8)]
		list := reflect.MakeSlice(v.Type(), n, n)
		for i := range n {
			c.fill(list.Index(i), field, action)
		}
		v.Set(list)
	case reflect.Map:
		if given {
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(reflect.ValueOf(c.of("a", "b")), reflect.ValueOf(c.of("c", "")))
		}
	case reflect.Bool:
		v.SetBool(c.n(2) == 0)
	case reflect.Int32, reflect.Int64:
		v.SetInt(c.number(field))
	case reflect.String:
		if values := v.MethodByName("Values"); values.IsValid() {
			c.enum(v, values, given)
			return
		}
		v.SetString(c.text(field, action))
	default: // inputs have no other kinds
	}
}

func (c *caller) enum(v, values reflect.Value, given bool) {
	list := values.Call(nil)[0]
	switch {
	case !given:
	case c.n(40) == 0:
		v.SetString("bogus")
	default:
		v.Set(list.Index(c.n(list.Len())))
	}
}

func (c *caller) number(field string) int64 {
	switch field {
	case "Port":
		return []int64{80, 80, 80, 443, 81, 6081, 0, 65536}[c.n(8)]
	case "Priority", "Order", "RevocationIds", "RevocationId":
		return []int64{1, 2, 3, 4, 5, 0, 50000, 50001}[c.n(8)]
	case "CapacityUnits":
		return []int64{100, 200, 5500, 8250, 15000, 99, -1, 1<<31 - 1}[c.n(8)]
	case "PageSize":
		return []int64{1, 2, 400, 0, 401}[c.n(5)]
	}
	return []int64{2, 5, 10, 30, 60, 0, -1, 1<<31 - 1}[c.n(8)]
}

// arns is the ARNs of what there is, of that kind.
func arns[T any](m map[string]*T) []string { return slices.Sorted(maps.Keys(m)) }

func (c *caller) known(kind string) string {
	a := c.account
	var list []string
	switch kind {
	case "load balancer":
		list = arns(a.LoadBalancers)
	case "target group":
		list = arns(a.TargetGroups)
	case "listener":
		list = arns(a.Listeners)
	case "rule":
		list = arns(a.Rules)
	case "trust store":
		list = arns(a.TrustStores)
	}
	if len(list) == 0 || c.n(20) == 0 {
		return c.of(unknownLoadBalancer, unknownTargetGroup, unknownListener, unknownRule, "arn", "",
			"arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/a/b")
	}
	return list[c.n(len(list))]
}

var kindOfField = map[string]string{
	"LoadBalancerArn": "load balancer", "LoadBalancerArns": "load balancer", "TargetGroupArn": "target group",
	"TargetGroupArns": "target group", "ListenerArn": "listener",
	"ListenerArns": "listener", "RuleArn": "rule", "RuleArns": "rule", "TrustStoreArn": "trust store",
	"TrustStoreArns": "trust store",
}

func (c *caller) text(field, action string) string {
	if kind, ok := kindOfField[field]; ok {
		return c.known(kind)
	}
	odd := []string{"", "x", "é\x00", strings.Repeat("a", 1100)}
	if c.n(24) == 0 {
		return c.of(odd...)
	}
	switch field {
	case "ResourceArn", "ResourceArns":
		return c.known(c.of("load balancer", "target group", "listener", "rule", "trust store"))
	case "Name", "Names":
		return c.of("n0", "n1", "n2", "n3")
	case "Subnets", "SubnetId":
		return c.of(subnetA, subnetB, subnetC, subnetA2, subnetA, subnetB, subnetSmall, subnetForeign)
	case "SecurityGroups":
		return c.of(group1, group2, group1, "sg-foreign")
	case "VpcId":
		return c.of(vpc1, vpc1, vpc1, vpc2)
	case "AllocationId":
		return c.of(eip1, eip2)
	case "PrivateIPv4Address":
		return c.of("10.0.1.77", "10.0.2.77", "10.0.1.1")
	case "IPv6Address":
		return c.of("2001:db8:0:1::77", "2001:db8:0:2::77")
	case "SourceNatIpv6Prefix":
		return c.of("auto_assigned", "2001:db8:0:1:1::/80", "2001:db8:0:2:1::/80", "2001:db8::/64")
	case "Ipv4IpamPoolId":
		return c.of("ipam-pool-1", "pool")
	case "CertificateArn":
		return c.of(cert1, cert2, certPending)
	case "SslPolicy":
		return c.of(sslpolicy.Default, "ELBSecurityPolicy-FS-1-2-Res-2020-10")
	case "AlpnPolicy":
		return c.of(alpnPolicies...)
	case "Mode":
		return c.of("off", "verify", "passthrough")
	case "Id":
		return c.target()
	case "QuicServerId":
		return c.of("0x0000000000000001", "0x0000000000000002")
	case "AvailabilityZone":
		return c.of("all", "us-west-2a", "us-west-2b")
	case "Field":
		return c.of("path-pattern", "path-pattern", "path-pattern", "host-header", "source-ip", "http-header", "query-string",
			"http-request-method")
	case "Values", "RegexValues":
		return c.of("/", "/*", "a.example.com", "GET", "10.0.0.0/8", "^/a$")
	case "StatusCode":
		return c.of("200", "404", "302")
	case "ProtocolVersion":
		return c.of("HTTP1", "HTTP2", "GRPC")
	case "HealthCheckPath", "Path":
		return c.of("/", "/a", "a")
	case "Regex", "Replace":
		return c.of("^/a", "/$1", "(")
	case "CaCertificatesBundleS3Bucket", "S3Bucket":
		return "pki"
	case "CaCertificatesBundleS3Key":
		return c.of("ca.pem", "ca.pem", "ca.pem", "a.crl", "junk", "none")
	case "S3Key":
		return c.of("a.crl", "a.crl", "a.crl", "ca.pem", "junk", "none")
	case "Key", "TagKeys":
		return c.key(action)
	case "Value":
		return c.of("true", "false", "60", "0", "off", "on", "source_ip", "app_cookie", "logs", "7", "1000",
			"weighted_random")
	case "Marker":
		return c.of("YWZ0ZXI6MQ", "YWZ0ZXI6OTk5OTk5OTk5OTk5OTk5OTk5OTk", "!")
	}
	return c.of("x", "https://a.example.com/b", "a1")
}

// target is the id of something that might be registered.
func (c *caller) target() string {
	if c.n(8) == 0 {
		return c.known("load balancer")
	}
	return c.of("10.0.1.20", "10.0.1.21", "10.0.2.20", "100.64.0.1", "2001:db8:0:1::1", node1, stopped1, "i-12345678",
		"arn:aws:lambda:us-west-2:123456789012:function:f", "8.8.8.8")
}

// key is the key of an attribute or a tag.
func (c *caller) key(action string) string {
	var keys []string
	switch {
	case strings.HasPrefix(action, "ModifyLoadBalancer"):
		for _, a := range loadBalancerRows {
			keys = append(keys, a.key)
		}
	case strings.HasPrefix(action, "ModifyTargetGroup"):
		for _, a := range targetGroupRows {
			keys = append(keys, a.key)
		}
	case strings.HasPrefix(action, "ModifyListener"):
		for _, a := range listenerRows {
			keys = append(keys, a.key)
		}
	default:
		keys = []string{"a", "b", "c", "aws:x"}
	}
	return keys[c.n(len(keys))]
}

// fingerprint is the state that a refused call must leave as it is.
func fingerprint(a *account.Account) string {
	var b strings.Builder
	a.Lock()
	defer a.Unlock()
	for _, lb := range a.LoadBalancersInOrder() {
		fmt.Fprintf(&b, "%s %s %s %s %v %v %s %s %v %v %+v\n", lb.ARN, lb.IPAddressType, lb.SourceNAT, lb.IPAMPool, lb.Zones,
			lb.SecurityGroups, lb.EnforceInbound, lb.ActiveAt, lb.Attributes, lb.Tags, lb.Capacity)
	}
	for _, l := range a.ListenersInOrder() {
		fmt.Fprintf(&b, "%s %d %s %s %v %s %s %+v %v %v\n", l.ARN, l.Port, l.Protocol, l.Certificate, l.Certificates,
			l.SSLPolicy, l.ALPN, l.MutualTLS, l.Attributes, l.Tags)
		for _, r := range l.Rules {
			fmt.Fprintf(&b, "%s %d %v %+v %v %v\n", r.ARN, r.Priority, r.Conditions, r.Actions, r.Transforms, r.Tags)
		}
	}
	for _, tg := range a.TargetGroupsInOrder() {
		fmt.Fprintf(&b, "%s %+v %v %v %v\n", tg.ARN, tg.HealthCheck, tg.Attributes, tg.Tags, tg.ReleasedAt)
		for _, t := range tg.Targets {
			fmt.Fprintf(&b, "%s %d %s %s %s\n", t.ID, t.Port, t.Zone, t.QUICServerID, t.GoneAt)
		}
	}
	for _, t := range a.TrustStoresInOrder() {
		fmt.Fprintf(&b, "%s %d %v %v\n", t.ARN, len(t.Bundle), t.Revocations, t.Tags)
	}
	for _, id := range slices.Sorted(maps.Keys(a.Interfaces)) {
		n := a.Interfaces[id]
		fmt.Fprintf(&b, "%s %v %v %v %v\n", id, n.Groups, n.Addresses, n.IPv6Addresses, n.IPv6Prefixes)
	}
	for _, id := range slices.Sorted(maps.Keys(a.Addresses)) {
		fmt.Fprintf(&b, "%+v\n", *a.Addresses[id])
	}
	for _, id := range slices.Sorted(maps.Keys(a.Subnets)) {
		fmt.Fprintf(&b, "%s %d\n", id, a.Subnets[id].AvailableIPs())
	}
	return b.String()
}
