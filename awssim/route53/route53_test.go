package route53

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

const (
	exampleZone = "Z0A1DE00000001" // example.com. of the built-in account
	theVPC      = "vpc-0a1de000000000001"
)

var ctx = context.Background()

func newService(t *testing.T, p account.Profile) (*Service, *clock.Stepped) {
	t.Helper()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	a := account.New("123456789012", "us-west-2", c, p)
	if err := seed.Default().Apply(a); err != nil {
		t.Fatal(err)
	}
	return New(a, nil), c
}

// wantCode fails the test if err does not have AWS's error code. "" stands for success.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if got := apierr.CodeOf(err); got != code || got == "" && err != nil {
		t.Errorf("got %v, want code %q", err, code)
	}
}

func changing(action types.ChangeAction, name, kind string, values ...string) types.Change {
	set := &types.ResourceRecordSet{Name: aws.String(name), Type: types.RRType(kind), TTL: aws.Int64(60)}
	for _, v := range values {
		set.ResourceRecords = append(set.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
	}
	return types.Change{Action: action, ResourceRecordSet: set}
}

func create(name, kind string, values ...string) types.Change {
	return changing(types.ChangeActionCreate, name, kind, values...)
}

func upsert(name, kind string, values ...string) types.Change {
	return changing(types.ChangeActionUpsert, name, kind, values...)
}

func remove(name, kind string, values ...string) types.Change {
	return changing(types.ChangeActionDelete, name, kind, values...)
}

// with changes a change's record set.
func with(c types.Change, f func(*types.ResourceRecordSet)) types.Change {
	f(c.ResourceRecordSet)
	return c
}

func alias(name, kind, zone, target string) types.Change {
	return with(create(name, kind), func(r *types.ResourceRecordSet) {
		r.TTL, r.AliasTarget = nil, &types.AliasTarget{HostedZoneId: aws.String(zone), DNSName: aws.String(target)}
	})
}

func weighted(c types.Change, id string, weight int64) types.Change {
	return with(c, func(r *types.ResourceRecordSet) { r.SetIdentifier, r.Weight = aws.String(id), aws.Int64(weight) })
}

func (s *Service) batch(changes ...types.Change) error {
	_, err := s.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: aws.String("/hostedzone/" + exampleZone), ChangeBatch: &types.ChangeBatch{Changes: changes},
	})
	return err
}

// names lists the example zone's record sets as "name type value".
func (s *Service) names(t *testing.T) []string {
	t.Helper()
	out, err := s.ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String(exampleZone)})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range out.ResourceRecordSets {
		text := *r.Name + " " + string(r.Type)
		if len(r.ResourceRecords) > 0 && r.Type != "SOA" && r.Type != "NS" {
			text += " " + *r.ResourceRecords[0].Value
		}
		names = append(names, text)
	}
	return names
}

// balance adds one load balancer of each type.
func balance(s *Service) {
	application, network := s.account.BalancerZones()
	s.account.AddLoadBalancer(&account.LoadBalancer{
		ARN: "arn:alb", Name: "web", Type: "application", DNSName: "web-1234567890.us-west-2.elb.amazonaws.com",
		HostedZone: application,
	})
	s.account.AddAccelerator(&account.Accelerator{ARN: "arn:accelerator",
		DNSName: "a0123456789abcdef.awsglobalaccelerator.com"})
	s.account.AddLoadBalancer(&account.LoadBalancer{
		ARN: "arn:nlb", Name: "net", Type: "network", DNSName: "net-0123456789abcdef.elb.us-west-2.amazonaws.com",
		HostedZone: network,
	})
}

type (
	changes   = []types.Change
	recordSet = types.ResourceRecordSet
)

// refusedBatch is a batch that is refused as a whole.
type refusedBatch struct {
	name, code, message string // message "": any
	changes             changes
}

const badBatch = "InvalidChangeBatch"

func refusedRecords() []refusedBatch {
	many := make([]string, 501)
	for i := range many {
		many[i] = fmt.Sprintf("10.0.%d.%d", i/250, i%250)
	}
	long := make([]string, 130)
	for i := range long {
		long[i] = fmt.Sprintf(`"%03d%s"`, i, strings.Repeat("x", 245))
	}
	return []refusedBatch{
		{"exists", badBatch, "[Tried to create resource record set [name='there.example.com.', type='A'] but it already " +
			"exists]", changes{create("there.example.com", "A", "192.0.2.1")}},
		{"missing", badBatch, "[Tried to delete resource record set [name='x.example.com.', type='CNAME'] but it was not " +
			"found]", changes{remove("x.example.com", "CNAME", "y.")}},
		{"other value", badBatch, "[Tried to delete resource record set [name='there.example.com.', type='A'] but the " +
			"values provided do not match the current values]", changes{remove("there.example.com", "A", "192.0.2.9")}},
		{"other TTL", badBatch, "[Tried to delete resource record set [name='there.example.com.', type='A'] but the values " +
			"provided do not match the current values]", changes{with(remove("there.example.com", "A", "192.0.2.1"),
			func(r *recordSet) { r.TTL = aws.Int64(61) })}},
		{"outside", badBatch, "[RRSet with DNS name a.example.org. is not permitted in zone example.com.]", changes{
			create("a.example.org", "A", "192.0.2.1")}},
		{"similar zone", badBatch, "[RRSet with DNS name badexample.com. is not permitted in zone example.com.]", changes{
			create("badexample.com", "A", "192.0.2.1")}},
		{"CNAME at apex", badBatch, "[RRSet of type CNAME with DNS name example.com. is not permitted at apex in zone " +
			"example.com.]", changes{create("example.com", "CNAME", "y.")}},
		{"CNAME beside A", badBatch, "[RRSet of type CNAME with DNS name there.example.com. is not permitted as it " +
			"conflicts with other records with the same DNS name in zone example.com.]", changes{create("there.example.com",
			"CNAME", "y.")}},
		{"A beside CNAME", badBatch, "[RRSet of type A with DNS name c.example.com. is not permitted as it conflicts with " +
			"other records with the same DNS name in zone example.com.]", changes{create("c.example.com", "A", "192.0.2.1")}},
		{"two findings", badBatch, "[Tried to create resource record set [name='there.example.com.', type='A'] but it " +
			"already exists, RRSet with DNS name a.example.org. is not permitted in zone example.com.]", changes{
			create("there.example.com", "A", "192.0.2.1"), create("a.example.org", "A", "192.0.2.1")}},
		{"twice", badBatch, "[The request contains an invalid set of changes for a resource record set 'A n.example.com.']",
			changes{create("n.example.com", "A", "192.0.2.1"), create("n.example.com", "A", "192.0.2.1")}},
		{"no SOA", badBatch, "", changes{remove("example.com", "SOA", "ignored")}},
		{"SOA below", badBatch, "[RRSet of type SOA with DNS name s.example.com. is not permitted outside of the apex of " +
			"zone example.com.]", changes{create("s.example.com", "SOA", "a. b. 1 2 3 4 5")}},
		{"no address", badBatch, "[Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address (Value is not a " +
			"valid IPv4 address) encountered with 'y'']", changes{create("n.example.com", "A", "y")}},
		{"IPv4 as IPv6", badBatch, "[Invalid Resource Record: 'FATAL problem: AAAARRDATAIllegalIPv6Address (Value is not a " +
			"valid IPv6 address) encountered with '192.0.2.1'']", changes{create("n.example.com", "AAAA", "192.0.2.1")}},
		{"TXT without quotation marks", badBatch, "[Invalid Resource Record: 'FATAL problem: InvalidCharacterString (Value " +
			"should be enclosed in quotation marks) encountered with 'hello'']", changes{create("n.example.com", "TXT",
			"hello")}},
		{"MX with one field", badBatch, "[Invalid Resource Record: 'FATAL problem: MXRRDATANot2Fields (MX record doesn't " +
			"have 2 fields) encountered with 'mail.'']", changes{create("n.example.com", "MX", "mail.")}},
		{"CNAME to nothing", badBatch, "[Invalid Resource Record: 'FATAL problem: DomainLabelEmpty (Domain label is empty) " +
			"encountered with 'a..b'']", changes{create("n.example.com", "CNAME", "a..b")}},
		{"two CNAMEs", badBatch, "", changes{create("n.example.com", "CNAME", "a.", "b.")}},
		{"same value twice", badBatch, "[Duplicate Resource Record: '192.0.2.1']", changes{create("n.example.com", "A",
			"192.0.2.1", "192.0.2.1")}},
		{"empty label", badBatch, "[FATAL problem: DomainLabelEmpty (Domain label is empty) encountered with " +
			"'a..example.com']", changes{create("a..example.com", "A", "192.0.2.1")}},
		{"long label", badBatch, "", changes{create(strings.Repeat("a", 64)+".example.com", "A", "192.0.2.1")}},
		{"too many records", badBatch, "[Number of records limit of 1000 exceeded.]", changes{upsert("n.example.com", "A",
			many...)}},
		{"too many characters", badBatch, "[Number of characters limit of 32000 exceeded.]", changes{create("n.example.com",
			"TXT", long...)}},
		{"simple beside weighted", badBatch, "[RRSet with DNS name there.example.com., type A, SetIdentifier b cannot be " +
			"created as other RRSets exist with the same name and type.]", changes{weighted(create("there.example.com", "A",
			"192.0.2.2"), "b", 1)}},
		{"two primaries", badBatch, "", changes{with(create("f.example.com", "A", "192.0.2.1"), func(r *recordSet) {
			r.SetIdentifier, r.Failover = aws.String("a"), "PRIMARY"
		}), with(create("f.example.com", "A", "192.0.2.2"),
			func(r *recordSet) { r.SetIdentifier, r.Failover = aws.String("b"), "PRIMARY" })}},
	}
}

func refusedAliases() []refusedBatch {
	return []refusedBatch{
		{"alias to nothing", badBatch, "[Tried to create an alias that targets gone-1.us-west-2.elb.amazonaws.com., type A " +
			"in zone Z1H1FL5HABSF5, but that target was not found]", changes{alias("n.example.com", "A", "Z1H1FL5HABSF5",
			"gone-1.us-west-2.elb.amazonaws.com")}},
		{"alias by another region's zone", badBatch, "[Tried to create an alias that targets " +
			"web-1234567890.us-west-2.elb.amazonaws.com., type A in zone Z35SXDOTRQ7X7K, but the alias target name does not " +
			"lie within the target zone]", changes{alias("n.example.com", "A", "Z35SXDOTRQ7X7K",
			"web-1234567890.us-west-2.elb.amazonaws.com")}},
		{"alias by the other type's zone", badBatch, "[Tried to create an alias that targets " +
			"web-1234567890.us-west-2.elb.amazonaws.com., type A in zone Z18D5FSROUN65G, but the alias target name does not " +
			"lie within the target zone]", changes{alias("n.example.com", "A", "Z18D5FSROUN65G",
			"web-1234567890.us-west-2.elb.amazonaws.com")}},
		{"alias to no accelerator", badBatch, "", changes{alias("n.example.com", "A", acceleratorZone,
			"a0000000000000000.awsglobalaccelerator.com")}},
		{"alias of type TXT", badBatch, "", changes{alias("n.example.com", "TXT", "Z1H1FL5HABSF5",
			"web-1234567890.us-west-2.elb.amazonaws.com")}},
		{"alias to another type", badBatch, "[Tried to create an alias that targets there.example.com., type AAAA in zone " +
			"Z0A1DE00000001, but that target was not found]", changes{alias("n.example.com", "AAAA", exampleZone,
			"there.example.com")}},
		{"alias to itself", badBatch, "", changes{alias("n.example.com", "A", exampleZone, "n.example.com")}},
	}
}

func refusedInputs() []refusedBatch {
	return []refusedBatch{
		{"no action", "InvalidInput", "", changes{changing("REPLACE", "n.example.com", "A", "192.0.2.1")}},
		{"no type", "InvalidInput", "", changes{create("n.example.com", "AAAAA", "192.0.2.1")}},
		{"nothing", "InvalidInput", "", nil},
		{"no TTL", "InvalidInput", "Invalid request: Missing field 'TTL' in Change with [Action=CREATE, " +
			"Name=n.example.com., Type=A, SetIdentifier=null]", changes{with(create("n.example.com", "A", "192.0.2.1"),
			func(r *recordSet) { r.TTL = nil })}},
		{"no values", "InvalidInput", "", changes{create("n.example.com", "A")}},
		{"values and alias", "InvalidInput", "", changes{with(alias("n.example.com", "A", "Z1H1FL5HABSF5", "a."),
			func(r *recordSet) { r.TTL = aws.Int64(1) })}},
		{"neither", "InvalidInput", "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and " +
			"ResourceRecords], or TrafficPolicyInstanceId], but found none in Change with [Action=CREATE, " +
			"Name=n.example.com., Type=A, SetIdentifier=null]", changes{with(create("n.example.com", "A"), func(r *recordSet) {
			r.TTL = nil
		})}},
		{"weight without identifier", "InvalidInput", "", changes{with(create("n.example.com", "A", "192.0.2.1"),
			func(r *recordSet) { r.Weight = aws.Int64(1) })}},
		{"identifier without policy", "InvalidInput", "", changes{with(create("n.example.com", "A", "192.0.2.1"),
			func(r *recordSet) { r.SetIdentifier = aws.String("a") })}},
		{"two policies", "InvalidInput", "", changes{with(weighted(create("n.example.com", "A", "192.0.2.1"), "a", 1),
			func(r *recordSet) { r.Region = "us-west-2" })}},
		{"heavy", "InvalidInput", "", changes{weighted(create("n.example.com", "A", "192.0.2.1"), "a", 256)}},
		{"health check", "NoSuchHealthCheck", "", changes{with(create("n.example.com", "A", "192.0.2.1"),
			func(r *recordSet) { r.HealthCheckId = aws.String("h") })}},
	}
}

func TestABatchIsRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	for _, tt := range slices.Concat(refusedRecords(), refusedAliases(), refusedInputs()) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, _ := newService(t, account.Instant())
			balance(s)
			wantCode(t, s.batch(create("there.example.com", "A", "192.0.2.1"), create("c.example.com", "CNAME", "y.")), "")
			before := s.names(t)
			changes := tt.changes
			if len(changes) > 0 {
				changes = append([]types.Change{create("innocent.example.com", "A", "192.0.2.1")}, changes...)
			}
			err := s.batch(changes...)
			wantCode(t, err, tt.code)
			var e smithy.APIError
			if errors.As(err, &e) && tt.message != "" && e.ErrorMessage() != tt.message {
				t.Errorf("got  %s\nwant %s", e.ErrorMessage(), tt.message)
			}
			if after := s.names(t); !slices.Equal(before, after) {
				t.Errorf("the zone changed:\n%q\n%q", before, after)
			}
		})
	}
	s, _ := newService(t, account.Instant())
	_, err := s.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: aws.String("Z0NOWHERE")})
	wantCode(t, err, "NoSuchHostedZone")
}

func TestChangesOfRecordSets(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, account.Instant())
	balance(s)
	for _, changes := range [][]types.Change{
		{create("*.Example.com", "A", "192.0.2.1", "192.0.2.2")},
		{upsert(`\052.example.com.`, "A", "192.0.2.3")},
		{create("b.a.example.com", "TXT", `"one" "two"`), create("a.example.com", "CAA", `0 issue "amazon.com"`),
			create("m.example.com", "MX", "10 mail.example.com")},
		{create("example.com", "A", "192.0.2.1"), create("swap.example.com", "CNAME", "x.")},
		{remove("swap.example.com", "CNAME", "x."), create("swap.example.com", "A", "192.0.2.1")},
		{weighted(create("w.example.com", "A", "192.0.2.1"), "one", 10),
			weighted(create("w.example.com", "A", "192.0.2.2"), "two", 0)},
		{alias("web.example.com", "A", "Z1H1FL5HABSF5", "dualstack.web-1234567890.us-west-2.elb.amazonaws.com"),
			alias("web.example.com", "AAAA", "Z1H1FL5HABSF5", "web-1234567890.us-west-2.elb.amazonaws.com.")},
		{alias("net.example.com", "A", "Z18D5FSROUN65G", "net-0123456789abcdef.elb.us-west-2.amazonaws.com"),
			alias("www.example.com", "A", exampleZone, "net.example.com")},
		{alias("ga.example.com", "A", acceleratorZone, "a0123456789abcdef.awsglobalaccelerator.com")},
	} {
		wantCode(t, s.batch(changes...), "")
	}
	want := []string{
		"example.com. A 192.0.2.1", "example.com. NS", "example.com. SOA", `\052.example.com. A 192.0.2.3`,
		`a.example.com. CAA 0 issue "amazon.com"`,
		`b.a.example.com. TXT "one" "two"`, "ga.example.com. A", "m.example.com. MX 10 mail.example.com",
		"net.example.com. A", "swap.example.com. A 192.0.2.1",
		"w.example.com. A 192.0.2.1", "w.example.com. A 192.0.2.2", "web.example.com. A", "web.example.com. AAAA",
		"www.example.com. A",
	}
	got := s.names(t)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestAChangeReachesNameServersInTime(t *testing.T) {
	t.Parallel()
	s, c := newService(t, account.Real())
	out, err := s.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: aws.String(exampleZone), ChangeBatch: &types.ChangeBatch{Comment: aws.String("why"),
			Changes: []types.Change{create("n.example.com", "A", "192.0.2.1")}},
	})
	if err != nil || out.ChangeInfo.Status != types.ChangeStatusPending || *out.ChangeInfo.Comment != "why" {
		t.Fatalf("got %+v, %v", out, err)
	}
	wantCode(t, s.batch(create("m.example.com", "A", "192.0.2.1")), "PriorRequestNotComplete")
	resolves := func() bool {
		s.account.Lock()
		defer s.account.Unlock()
		found, _ := s.account.FindRecords("n.example.com.", "")
		return found.Exists
	}
	status := func() types.ChangeStatus {
		got, err := s.GetChange(ctx, &route53.GetChangeInput{Id: out.ChangeInfo.Id})
		if err != nil {
			t.Fatal(err)
		}
		return got.ChangeInfo.Status
	}
	c.Advance(s.account.Profile.RecordBatch)
	wantCode(t, s.batch(create("m.example.com", "A", "192.0.2.1")), "")
	if status() != types.ChangeStatusPending || resolves() {
		t.Error("too early")
	}
	s.account.Trouble.ChangesStuck = true
	c.Advance(s.account.Profile.RecordSync)
	if status() != types.ChangeStatusPending || resolves() {
		t.Error("a stuck change arrived")
	}
	s.account.Trouble.ChangesStuck = false
	if status() != types.ChangeStatusInsync || !resolves() {
		t.Error("the change did not arrive")
	}
	_, err = s.GetChange(ctx, &route53.GetChangeInput{Id: aws.String("C0")})
	wantCode(t, err, "NoSuchChange")
}

func TestHostedZonesComeAndGo(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, account.Instant())
	vpc := &types.VPC{VPCId: aws.String(theVPC), VPCRegion: "us-west-2"}
	for _, tt := range []struct {
		name string
		in   route53.CreateHostedZoneInput
		code string
	}{
		{"public", route53.CreateHostedZoneInput{Name: aws.String("New.example.org"), CallerReference: aws.String("1")}, ""},
		{"again", route53.CreateHostedZoneInput{Name: aws.String("other.org"), CallerReference: aws.String("1")},
			"HostedZoneAlreadyExists"},
		{"same name", route53.CreateHostedZoneInput{Name: aws.String("new.example.org"), CallerReference: aws.String("2")},
			""},
		{"private", route53.CreateHostedZoneInput{Name: aws.String("corp.internal"), CallerReference: aws.String("3"),
			VPC: vpc}, ""},
		{"private of the same name", route53.CreateHostedZoneInput{Name: aws.String("corp.internal"),
			CallerReference: aws.String("4"), VPC: vpc}, "ConflictingDomainExists"},
		{"private without VPC", route53.CreateHostedZoneInput{Name: aws.String("a.b"), CallerReference: aws.String("5"),
			HostedZoneConfig: &types.HostedZoneConfig{PrivateZone: true}}, "InvalidInput"},
		{"unknown VPC", route53.CreateHostedZoneInput{Name: aws.String("a.b"), CallerReference: aws.String("6"),
			VPC: &types.VPC{VPCId: aws.String("vpc-1"), VPCRegion: "us-west-2"}}, "InvalidVPCId"},
		{"no reference", route53.CreateHostedZoneInput{Name: aws.String("a.b")}, "InvalidInput"},
		{"no name", route53.CreateHostedZoneInput{CallerReference: aws.String("7")}, "InvalidInput"},
		{"top-level domain", route53.CreateHostedZoneInput{Name: aws.String("com"), CallerReference: aws.String("8")},
			"InvalidDomainName"},
		{"empty label", route53.CreateHostedZoneInput{Name: aws.String("a..b"), CallerReference: aws.String("9")},
			"InvalidDomainName"},
		{"delegation set", route53.CreateHostedZoneInput{Name: aws.String("a.b"), CallerReference: aws.String("10"),
			DelegationSetId: aws.String("N1")}, "NoSuchDelegationSet"},
	} {
		out, err := s.CreateHostedZone(ctx, &tt.in)
		wantCode(t, err, tt.code)
		if err != nil {
			continue
		}
		if private := tt.in.VPC != nil; *out.HostedZone.Name != strings.ToLower(*tt.in.Name)+"." ||
			out.HostedZone.Config.PrivateZone != private ||
			(out.DelegationSet == nil) != private || !strings.HasSuffix(*out.Location, *out.HostedZone.Id) ||
			*out.HostedZone.ResourceRecordSetCount != 2 {
			t.Errorf("%s: got %+v", tt.name, out)
		}
		got, err := s.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: out.HostedZone.Id})
		if err != nil || (len(got.VPCs) == 1) != (tt.in.VPC != nil) {
			t.Errorf("%s: read back %+v, %v", tt.name, got, err)
		}
	}
	if err := s.account.SetQuota("hosted-zones", 4); err != nil {
		t.Fatal(err)
	}
	_, err := s.CreateHostedZone(ctx, &route53.CreateHostedZoneInput{Name: aws.String("a.b"),
		CallerReference: aws.String("11")})
	wantCode(t, err, "TooManyHostedZones")
	wantCode(t, s.batch(create("n.example.com", "A", "192.0.2.1")), "")
	_, err = s.DeleteHostedZone(ctx, &route53.DeleteHostedZoneInput{Id: aws.String(exampleZone)})
	wantCode(t, err, "HostedZoneNotEmpty")
	wantCode(t, s.batch(remove("n.example.com", "A", "192.0.2.1")), "")
	_, err = s.DeleteHostedZone(ctx, &route53.DeleteHostedZoneInput{Id: aws.String(exampleZone)})
	wantCode(t, err, "")
	_, err = s.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: aws.String(exampleZone)})
	wantCode(t, err, "NoSuchHostedZone")
	count, err := s.GetHostedZoneCount(ctx, nil)
	if err != nil || *count.HostedZoneCount != 3 {
		t.Errorf("count: %+v, %v", count, err)
	}
}

func TestPrivateZonesAreAssociatedWithVPCs(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, account.Instant())
	second := &vpc.VPC{ID: "vpc-0b0b0b0b0b0b0b0b0"}
	s.account.VPCs[second.ID] = second
	first, other := &types.VPC{VPCId: aws.String(theVPC), VPCRegion: "us-west-2"}, &types.VPC{VPCId: aws.String(second.ID),
		VPCRegion: "us-west-2"}
	out, err := s.CreateHostedZone(ctx, &route53.CreateHostedZoneInput{Name: aws.String("corp.internal"),
		CallerReference: aws.String("3"), VPC: first})
	if err != nil {
		t.Fatal(err)
	}
	id := out.HostedZone.Id
	associate := func(id *string, v *types.VPC) error {
		_, err := s.AssociateVPCWithHostedZone(ctx, &route53.AssociateVPCWithHostedZoneInput{HostedZoneId: id, VPC: v})
		return err
	}
	dissociate := func(v *types.VPC) error {
		_, err := s.DisassociateVPCFromHostedZone(ctx, &route53.DisassociateVPCFromHostedZoneInput{HostedZoneId: id, VPC: v})
		return err
	}
	wantCode(t, associate(aws.String(exampleZone), first), "PublicZoneVPCAssociation")
	wantCode(t, associate(id, first), "ConflictingDomainExists")
	wantCode(t, dissociate(other), "VPCAssociationNotFound")
	wantCode(t, dissociate(first), "LastVPCAssociation")
	wantCode(t, associate(id, other), "")
	wantCode(t, dissociate(first), "")
	for v, want := range map[string]int{theVPC: 0, second.ID: 1} {
		list, err := s.ListHostedZonesByVPC(ctx, &route53.ListHostedZonesByVPCInput{VPCId: aws.String(v),
			VPCRegion: "us-west-2"})
		if err != nil || len(list.HostedZoneSummaries) != want {
			t.Errorf("%s: %+v, %v", v, list, err)
		}
	}
}

func TestPagesCoverZonesAndRecordsOnce(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, account.Instant())
	for i := range 105 {
		_, err := s.CreateHostedZone(ctx, &route53.CreateHostedZoneInput{
			Name: aws.String(fmt.Sprintf("z%03d.example.net", i)), CallerReference: aws.String(fmt.Sprint(i))})
		wantCode(t, err, "")
	}
	zones, pages := map[string]bool{}, 0
	for p := route53.NewListHostedZonesPaginator(s, &route53.ListHostedZonesInput{}); p.HasMorePages(); pages++ {
		out, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range out.HostedZones {
			zones[*z.Id] = true
		}
	}
	if len(zones) != 106 || pages != 2 {
		t.Errorf("%d zones on %d pages", len(zones), pages)
	}
	_, err := s.ListHostedZones(ctx, &route53.ListHostedZonesInput{Marker: aws.String("Z0NONE")})
	wantCode(t, err, "InvalidInput")
	_, err = s.ListHostedZones(ctx, &route53.ListHostedZonesInput{MaxItems: aws.Int32(0)})
	wantCode(t, err, "InvalidInput")

	byName, err := s.ListHostedZonesByName(ctx, &route53.ListHostedZonesByNameInput{
		DNSName: aws.String("z103.example.net"), MaxItems: aws.Int32(1)})
	if err != nil || len(byName.HostedZones) != 1 || *byName.HostedZones[0].Name != "z103.example.net." ||
		!byName.IsTruncated || *byName.NextDNSName != "z104.example.net." {
		t.Errorf("by name: %+v, %v", byName, err)
	}
	all, err := s.ListHostedZonesByName(ctx, nil)
	if err != nil || *all.HostedZones[0].Name != "example.com." {
		t.Errorf("com comes before net: %+v, %v", all, err)
	}

	for i := range 4 {
		wantCode(t, s.batch(weighted(create("w.example.com", "A", "192.0.2.1"), fmt.Sprint(i), 1),
			create(fmt.Sprintf("n%d.example.com", i), "A", "192.0.2.1")), "")
	}
	sets := 0
	in := &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String(exampleZone), MaxItems: aws.Int32(3)}
	for p := route53.NewListResourceRecordSetsPaginator(s, in); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		sets += len(out.ResourceRecordSets)
	}
	if sets != 10 {
		t.Errorf("%d record sets, want 10", sets)
	}
	_, err = s.ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String(exampleZone),
		StartRecordType: "A"})
	wantCode(t, err, "InvalidInput")
}

func TestTagsOfHostedZones(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, account.Instant())
	set := func(kind types.TagResourceType, id string, remove []string, tags ...string) error {
		in := &route53.ChangeTagsForResourceInput{ResourceType: kind, ResourceId: aws.String(id), RemoveTagKeys: remove}
		for _, k := range tags {
			in.AddTags = append(in.AddTags, types.Tag{Key: aws.String(k), Value: aws.String("v")})
		}
		_, err := s.ChangeTagsForResource(ctx, in)
		return err
	}
	wantCode(t, set("hostedzone", exampleZone, nil, "a", "b"), "")
	wantCode(t, set("hostedzone", exampleZone, []string{"a"}, "c"), "")
	wantCode(t, set("hostedzone", exampleZone, nil), "InvalidInput")
	wantCode(t, set("hostedzone", exampleZone, nil, "aws:x"), "InvalidInput")
	wantCode(t, set("hostedzone", exampleZone, nil, strings.Split("abcdefghijk", "")...), "InvalidInput")
	wantCode(t, set("hostedzone", "Z0NONE", nil, "a"), "NoSuchHostedZone")
	wantCode(t, set("healthcheck", "h", nil, "a"), "NoSuchHealthCheck")
	wantCode(t, set("cluster", "h", nil, "a"), "InvalidInput")
	out, err := s.ListTagsForResources(ctx, &route53.ListTagsForResourcesInput{ResourceType: "hostedzone",
		ResourceIds: []string{exampleZone}})
	if err != nil || len(out.ResourceTagSets) != 1 || len(out.ResourceTagSets[0].Tags) != 2 ||
		*out.ResourceTagSets[0].Tags[1].Key != "c" {
		t.Errorf("got %+v, %v", out, err)
	}
	one, err := s.ListTagsForResource(ctx, &route53.ListTagsForResourceInput{ResourceType: "hostedzone",
		ResourceId: aws.String(exampleZone)})
	if err != nil || len(one.ResourceTagSet.Tags) != 2 {
		t.Errorf("got %+v, %v", one, err)
	}
}
