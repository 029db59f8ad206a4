package facts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// vpc makes facts from subnets written as "id zone tag=value,tag=value free".
func vpc(lines ...string) Facts {
	f := Facts{Subnets: map[string]Subnet{}, Routes: true}
	for _, line := range lines {
		var id, zone, tags string
		free := int32(100)
		_, _ = fmt.Sscan(line, &id, &zone, &tags, &free)
		s := Subnet{ID: "subnet-" + id, VPC: "vpc-1", Zone: zone, Locale: AvailabilityZone, AvailableIPs: free,
			Tags: map[string]string{}}
		for _, tag := range strings.Split(tags, ",") {
			k, v, _ := strings.Cut(tag, "=")
			switch k {
			case "elb":
				s.Tags[roleELB] = v
			case "ielb":
				s.Tags[roleInternalELB] = v
			case "ours":
				s.Tags["kubernetes.io/cluster/demo"] = v
			case "others":
				s.Tags["kubernetes.io/cluster/other"] = v
			case "public":
				s.Public = true
			case "local":
				s.Locale = LocalZone
			case "outpost":
				s.Locale = Outpost
			case "v6":
				s.IPv6CIDRs = []string{"2001:db8::/64"}
			case "native":
				s.IPv6CIDRs, s.IPv6Native = []string{"2001:db8::/64"}, true
			case "foreign":
				s.VPC = "vpc-2"
			case "-":
			default:
				s.Tags[k] = v
			}
		}
		f.Subnets[s.ID] = s
	}
	return f
}

func query() SubnetQuery {
	return SubnetQuery{Type: stack.Application, Scheme: stack.InternetFacing, IPAddressType: stack.IPv4, Cluster: "demo",
		VPC:             "vpc-1",
		CheckClusterTag: true, ByReachability: true}
}

func chosen(c SubnetChoice) string {
	var ids []string
	for _, s := range c.Subnets {
		ids = append(ids, strings.TrimPrefix(s.ID, "subnet-"))
	}
	return strings.Join(ids, " ")
}

func TestDiscoveryPicksOneSubnetPerZone(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		subnets []string
		query   func(*SubnetQuery)
		want    string
		problem string
	}{
		"by role": {[]string{"a1 a elb=1", "b1 b elb=", "c1 c elb=true", "d1 d ielb=1"}, nil,
			"a1 b1", ""},
		"by the internal role": {[]string{"a1 a elb=1", "a2 a ielb=1", "b2 b ielb=1"},
			func(q *SubnetQuery) { q.Scheme = stack.Internal }, "a2 b2", ""},
		"the lowest id of a zone": {[]string{"a2 a elb=1", "a1 a elb=1", "b1 b elb=1"}, nil, "a1 b1", ""},
		"our cluster's before the lowest": {[]string{"a2 a elb=1,ours=owned", "a1 a elb=1", "b1 b elb=1"}, nil,
			"a2 b1", ""},
		"not other clusters'": {[]string{"a1 a elb=1,others=owned", "a2 a elb=1", "b1 b elb=1,others=x,ours=y"},
			nil, "a2 b1", ""},
		"others' too without the gate": {[]string{"a1 a elb=1,others=owned", "a2 a elb=1", "b1 b elb=1"},
			func(q *SubnetQuery) { q.CheckClusterTag = false }, "a1 b1", ""},
		"with free addresses": {[]string{"a1 a elb=1 7", "a2 a elb=1 8", "b1 b elb=1"}, nil, "a2 b1", ""},
		"with IPv6 if wanted": {[]string{"a1 a elb=1", "a2 a elb=1,v6", "b1 b elb=1,v6"},
			func(q *SubnetQuery) { q.IPAddressType = stack.Dualstack }, "a2 b1", ""},
		"with IPv4": {[]string{"a1 a elb=1,native", "a2 a elb=1,v6", "b1 b elb=1,v6"},
			func(q *SubnetQuery) { q.IPAddressType = stack.Dualstack }, "a2 b1", ""},
		"none with IPv4":      {[]string{"a1 a elb=1,native 0"}, nil, "", "no IPv4 CIDR block, which each load balancer needs"},
		"by the route tables": {[]string{"a1 a public", "b1 b public", "a2 a -"}, nil, "a1 b1", ""},
		"by the route tables, internal": {[]string{"a1 a public", "b2 b -", "a2 a -"},
			func(q *SubnetQuery) { q.Scheme = stack.Internal }, "a2 b2", ""},
		"roles win over routes": {[]string{"a1 a elb=1", "b1 b public", "c1 c public"}, nil, "",
			"the load balancer needs subnets in two availability zones, and only 1 of its subnets can be used"},
		"no routes without the gate": {[]string{"a1 a public", "b1 b public"},
			func(q *SubnetQuery) { q.ByReachability = false }, "", "unable to resolve at least one subnet"},
		"one is too few for an ALB": {[]string{"a1 a elb=1"}, nil, "", "and only 1 of its subnets can be used"},
		"one will do with the gate": {[]string{"a1 a elb=1"}, func(q *SubnetQuery) { q.SingleSubnet = true }, "a1",
			""},
		"one will do for an NLB": {[]string{"a1 a elb=1"}, func(q *SubnetQuery) { q.Type = stack.Network }, "a1",
			""},
		"one will do in a local zone":     {[]string{"a1 a elb=1,local"}, nil, "a1", ""},
		"the region's before local zones": {[]string{"a1 a elb=1", "b1 b elb=1", "l1 l elb=1,local"}, nil, "a1 b1", ""},
		"the region's before an outpost": {[]string{"a1 a elb=1,outpost", "a2 a elb=1", "b1 b elb=1", "c1 c elb=1"}, nil,
			"a2 b1 c1", ""},
		"which its zone would be short of": {[]string{"a1 a elb=1,outpost", "a2 a elb=1", "b1 b elb=1"}, nil, "a2 b1", ""},
		"our cluster's in each zone": {[]string{"a1 a elb=1,outpost", "a2 a elb=1", "a3 a elb=1,ours=x", "b1 b elb=1"},
			nil, "a3 b1", ""},
		"an outpost whose tag is ours": {[]string{"a1 a elb=1", "a2 a elb=1,outpost,ours=x"}, nil, "a2", ""},
		"only edges, of two kinds": {[]string{"a1 a elb=1,outpost", "l1 l elb=1,local"}, nil, "",
			"subnets in multiple locales: local-zone, outpost"},
		"too few of the region's and local": {[]string{"a1 a elb=1", "l1 l elb=1,local"}, nil, "",
			"subnets in multiple locales: availability-zone, local-zone"},
		"none at all": {nil, nil, "", "the VPC has none"},
		"by tags": {[]string{"a1 a tier=x", "b1 b tier=y", "c1 c tier=z", "d1 d other=x"}, func(q *SubnetQuery) {
			q.Tags = map[string][]string{"tier": {"x", "y"}}
		}, "a1 b1", ""},
		"by tags, any value": {[]string{"a1 a tier=x", "b1 b tier=y", "c1 c other=x"},
			func(q *SubnetQuery) { q.Tags = map[string][]string{"tier": nil} }, "a1 b1", ""},
	}
	for name, c := range cases {
		q := query()
		if c.query != nil {
			c.query(&q)
		}
		got := ChooseSubnets(vpc(c.subnets...), q)
		if chosen(got) != c.want {
			t.Errorf("%s: chose %q, want %q; problem %+v", name, chosen(got), c.want, got.Problem)
		}
		if (got.Problem != nil) != (c.problem != "") || got.Problem != nil && !strings.Contains(got.Problem.Text, c.problem) {
			t.Errorf("%s: problem %+v, want %q", name, got.Problem, c.problem)
		}
	}
}

func TestEverySubnetIsListedWithWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	internal := func(q *SubnetQuery) { q.Scheme = stack.Internal }
	cases := map[string]struct {
		subnets []string
		query   func(*SubnetQuery)
		want    string
	}{
		"by role": {[]string{"a1 a elb=1", "a2 a elb=1", "b1 b elb=1,others=x", "b2 b elb=1 7", "b3 b elb=1", "c1 c -",
			"l1 l elb=1,local"}, nil,
			"subnet-a1 (a) chosen: eligible; subnet-a2 (a) dropped: zone already served by subnet-a1; subnet-b1 (b) dropped: " +
				"tagged for other clusters; " +
				"subnet-b2 (b) dropped: 7 free addresses, fewer than 8; subnet-b3 (b) chosen: eligible; subnet-c1 (c) dropped: " +
				"no tag kubernetes.io/role/elb; " +
				"subnet-l1 (l) dropped: of locale local-zone, unlike the others"},
		"dualstack": {[]string{"a1 a elb=1", "a2 a elb=1,v6", "b1 b elb=1,v6"}, func(q *SubnetQuery) {
			q.IPAddressType = stack.Dualstack
		},
			"subnet-a1 (a) dropped: no associated IPv6 CIDR block, required for dualstack; subnet-a2 (a) chosen: eligible; " +
				"subnet-b1 (b) chosen: eligible"},
		"by the route tables": {[]string{"a1 a public", "a2 a -", "b1 b public"}, nil,
			"subnet-a1 (a) chosen: eligible; subnet-a2 (a) dropped: no tag kubernetes.io/role/elb, no route to an internet " +
				"gateway; subnet-b1 (b) chosen: eligible"},
		"by the route tables, internal": {[]string{"a1 a public", "a2 a -", "b1 b -"}, internal,
			"subnet-a1 (a) dropped: no tag kubernetes.io/role/internal-elb, public; subnet-a2 (a) chosen: eligible; subnet-b1 " +
				"(b) chosen: eligible"},
		"an outpost in a zone": {[]string{"a1 a elb=1,outpost", "a2 a elb=1", "b1 b elb=1", "b2 b elb=1"}, nil,
			"subnet-a1 (a) dropped: of locale outpost, unlike the others; subnet-a2 (a) chosen: eligible; subnet-b1 (b) " +
				"chosen: eligible; " +
				"subnet-b2 (b) dropped: zone already served by subnet-b1"},
	}
	for name, c := range cases {
		q := query()
		if c.query != nil {
			c.query(&q)
		}
		got := ChooseSubnets(vpc(c.subnets...), q)
		if text := render(got.decisions); text != c.want || got.Problem != nil {
			t.Errorf("%s: problem %+v\n got %s\nwant %s", name, got.Problem, text, c.want)
		}
	}
}

func TestWhereSubnetsAreLackingThoseToProvideAreReported(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		query func(*SubnetQuery)
		want  string
	}{
		"public": {func(*SubnetQuery) {}, "in each of at least two availability zones, provide a public subnet " +
			"with tag kubernetes.io/role/elb=1 " +
			"(and kubernetes.io/cluster/demo, if it is tagged for other clusters) and at least 8 free addresses, or name " +
			"subnets explicitly"},
		"internal": {func(q *SubnetQuery) { q.Scheme, q.CheckClusterTag = stack.Internal, false },
			"in each of at least two availability zones, provide a subnet with tag kubernetes.io/role/internal-elb=1 and at " +
				"least 8 free addresses, or name subnets explicitly"},
		"network": {func(q *SubnetQuery) { q.Type, q.CheckClusterTag = stack.Network, false },
			"in at least one availability zone, provide a public subnet with tag kubernetes.io/role/elb=1 and at least 8 " +
				"free addresses, or name subnets explicitly"},
		"single": {func(q *SubnetQuery) { q.SingleSubnet, q.CheckClusterTag = true, false },
			"in at least one availability zone, provide a public subnet with tag kubernetes.io/role/elb=1 and at least 8 " +
				"free addresses, or name subnets explicitly"},
		"by tags": {func(q *SubnetQuery) {
			q.Tags, q.CheckClusterTag = map[string][]string{"tier": {"x"}, "side": {"y"}}, false
		},
			"in each of at least two availability zones, provide a subnet with the declared tags and at least 8 free " +
				"addresses, or name subnets explicitly"},
	}
	for name, c := range cases {
		q := query()
		q.ByReachability = false
		c.query(&q)
		got := ChooseSubnets(vpc("a1 a tier=x", "b1 b side=y"), q)
		if got.Problem == nil || got.Problem.Code != diag.NoSubnets || got.Problem.Remedy != c.want {
			t.Errorf("%s: %+v", name, got.Problem)
		}
		if q.Type == stack.Network || q.SingleSubnet {
			continue
		}
		few := vpc("a1 a elb=1,ielb=1,tier=x,side=y")
		if got := ChooseSubnets(few, q); got.Problem == nil || got.Problem.Remedy != c.want || len(got.Subnets) > 0 ||
			got.Problem.Text != "the load balancer needs subnets in two availability zones, and only 1 of its "+
				"subnets can be used. Evaluated: subnet-a1 (a) chosen: eligible" {
			t.Errorf("%s, too few: %+v", name, got.Problem)
		}
	}
}

func TestAProblemThatAWSMayCureByItselfIsReportedAsSuch(t *testing.T) {
	t.Parallel()
	q := query()
	q.IDsOrNames = []string{"subnet-0f"}
	f := vpc("0a a -")
	f.ForeignSubnets = map[string]*Subnet{"subnet-0f": nil}
	if d := ChooseSubnets(f, q).Problem.Diagnostic(diag.Object{}, ""); d.Class != diag.NotFound ||
		d.Code != diag.InvalidSubnets {
		t.Errorf("%+v", d)
	}
}

func TestNamedSubnetsKeepTheirOrderAndAreChecked(t *testing.T) {
	t.Parallel()
	f := vpc("0a a Name=x 3", "0b b Name=x", "0c a Name=y,others=1", "0d d local", "0e e outpost", "0f0 f native")
	f.ForeignSubnets = map[string]*Subnet{"subnet-0f": nil, "subnet-01": {ID: "subnet-01", VPC: "vpc-2"}, "subnet-02": {
		ID: "subnet-02", VPC: "vpc-1", Zone: "z"}}
	cases := map[string]struct {
		names         []string
		want, problem string
	}{
		"ids":                  {[]string{"subnet-0b", "subnet-0a"}, "0b 0a", ""},
		"a name twice":         {[]string{"x", "x"}, "0a 0b", ""},
		"ids and names":        {[]string{"subnet-0b", "y"}, "0b 0c", ""},
		"too often":            {[]string{"x", "x", "x"}, "", `Name tag "x" is listed 3 times but only 2`},
		"unknown name":         {[]string{"z"}, "", `no subnet of VPC vpc-1 has the Name tag "z"`},
		"unknown id":           {[]string{"subnet-0f", "subnet-0a"}, "", "subnet-0f does not exist"},
		"no id at all":         {[]string{"subnet-left"}, "", "InvalidSubnetID.Malformed"},
		"another VPC's":        {[]string{"subnet-01", "subnet-0a"}, "", "subnet-01 belongs to vpc-2"},
		"made in the meantime": {[]string{"subnet-02", "subnet-0a"}, "02 0a", ""},
		"twice":                {[]string{"subnet-0a", "subnet-0a"}, "", "listed twice"},
		"one zone":             {[]string{"subnet-0a", "subnet-0c"}, "", "multiple subnets in same Availability Zone a"},
		"one only":             {[]string{"subnet-0a"}, "", "and only 1 of its subnets can be used"},
		"two locales":          {[]string{"subnet-0d", "subnet-0e"}, "", "multiple locales: local-zone, outpost"},
		"without IPv4":         {[]string{"subnet-0a", "subnet-0f0"}, "", "subnet-0f0 has no IPv4 CIDR block"},
		"one local zone":       {[]string{"subnet-0d"}, "0d", ""},
	}
	for name, c := range cases {
		q := query()
		q.IDsOrNames = c.names
		got := ChooseSubnets(f, q)
		if chosen(got) != c.want || (got.Problem != nil) != (c.problem != "") || got.Problem != nil &&
			!strings.Contains(got.Problem.Text, c.problem) {
			t.Errorf("%s: chose %q, want %q; problem %+v, want %q", name, chosen(got), c.want, got.Problem, c.problem)
		}
	}
	q := query()
	q.IDsOrNames, q.IPAddressType = []string{"x", "x"}, stack.Dualstack
	if got := ChooseSubnets(f, q); got.Problem == nil || !strings.Contains(got.Problem.Text,
		"IPv6 CIDR block, which is required for dualstack") {
		t.Errorf("dualstack: %+v", got.Problem)
	}
}

func TestWhatIsNotKnownIsAskedOnceAndTogether(t *testing.T) {
	t.Parallel()
	q := query()
	if got := ChooseSubnets(Facts{}, q).Needs; !slices.Equal(got, []Need{{Kind: NeedSubnets}}) {
		t.Errorf("subnets: %v", got)
	}
	f := vpc("0a a -")
	f.Routes = false
	if got := ChooseSubnets(f, q).Needs; !slices.Equal(got, []Need{{Kind: NeedRoutes}}) {
		t.Errorf("routes: %v", got)
	}
	q.IDsOrNames = []string{"subnet-01", "subnet-0a", "subnet-02"}
	if got := ChooseSubnets(f, q).Needs; !slices.Equal(got, []Need{{NeedForeignSubnet, "subnet-01"},
		{NeedForeignSubnet, "subnet-02"}}) {
		t.Errorf("foreign: %v", got)
	}
	f.Errors = map[Need]error{{NeedForeignSubnet, "subnet-01"}: errors.New("timeout")}
	if got := ChooseSubnets(f, q); got.Problem == nil || got.Problem.Err == nil || !strings.Contains(got.Problem.Text,
		"subnet-01: timeout") {
		t.Errorf("failed look-up: %+v", got)
	}
}

func TestADozenDecisionsAreRendered(t *testing.T) {
	t.Parallel()
	var many []decision
	for i := range 15 {
		many = append(many, decision{Subnet{ID: fmt.Sprintf("subnet-%d", i), Zone: "a"}, false, "why"})
	}
	if got := render(many); !strings.HasSuffix(got, "and 3 more") || len(got) > 700 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

func TestSecurityGroupsByIdAndName(t *testing.T) {
	t.Parallel()
	f := Facts{SecurityGroups: map[string]SecurityGroup{
		"sg-0a": {ID: "sg-0a", Tags: map[string]string{"Name": "front"}}, "sg-0c": {ID: "sg-0c", Tags: map[string]string{
			"Name": "twin"}},
		"sg-0b": {ID: "sg-0b", Tags: map[string]string{"Name": "twin"}},
		"sg-0d": {ID: "sg-0d", Tags: map[string]string{"Name": "front", "elbv2.k8s.aws/cluster": "demo"}},
		"sg-0e": {ID: "sg-0e", Tags: map[string]string{"Name": "managed", "elbv2.k8s.aws/cluster": "other"}},
	}, ForeignGroups: map[string]*SecurityGroup{"sg-01": {ID: "sg-01"}, "sg-02": nil}}
	cases := map[string]struct {
		want, ids []string
		problem   string
	}{
		"the user's order": {[]string{"front", "sg-0b"}, []string{"sg-0a", "sg-0b"}, ""},
		"all of a name":    {[]string{"twin", "sg-0a"}, []string{"sg-0b", "sg-0c", "sg-0a"}, ""},
		"each once":        {[]string{"sg-0a", "front", "sg-0a"}, []string{"sg-0a"}, ""},
		"another VPC's":    {[]string{"sg-01"}, []string{"sg-01"}, ""},
		"unknown id":       {[]string{"sg-02", "sg-0a"}, nil, "sg-02 does not exist (InvalidGroup.NotFound)"},
		"malformed id": {[]string{"sg-frontend-12345678"}, nil,
			"sg-frontend-12345678 is not a security group id (InvalidGroupId.Malformed)"},
		"a managed group's":   {[]string{"managed"}, nil, `Name tag "managed"`},
		"a managed group":     {[]string{"sg-0d"}, []string{"sg-0d"}, ""},
		"unknown name":        {[]string{"back"}, nil, `Name tag "back"`},
		"everything at a go":  {[]string{"back", "sg-02"}, nil, "sg-02"},
		"id in upper letters": {[]string{"sg-0A"}, nil, "Malformed"},
	}
	for name, c := range cases {
		got := ResolveSecurityGroups(f, "vpc-1", c.want)
		if !slices.Equal(got.IDs, c.ids) || (got.Problem != nil) != (c.problem != "") || got.Problem != nil &&
			!strings.Contains(got.Problem.Text, c.problem) {
			t.Errorf("%s: %+v, problem %+v", name, got, got.Problem)
		}
	}
	if got := ResolveSecurityGroups(f, "vpc-1", []string{"sg-03"}).Needs; !slices.Equal(got,
		[]Need{{NeedForeignGroup, "sg-03"}}) {
		t.Errorf("needs %v", got)
	}
	if got := ResolveSecurityGroups(Facts{}, "vpc-1", []string{"x"}).Needs; !slices.Equal(got,
		[]Need{{Kind: NeedSecurityGroups}}) {
		t.Errorf("needs %v", got)
	}
}

func TestDiscoveryReturnsAllCertificatesOfAllHosts(t *testing.T) {
	t.Parallel()
	f := Facts{Certificates: map[string]Certificate{
		"arn:b": {Domains: []string{"a.example.com", "b.example.com"}, Status: "ISSUED"},
		"arn:a": {Domains: []string{"*.example.com"}},
		"arn:c": {Domains: []string{"c.example.org"}, Status: "EXPIRED"},
	}}
	arns, uncovered := DiscoverCertificates(f, []string{"a.example.com", "c.example.org"}, nil)
	if !slices.Equal(arns, []string{"arn:a", "arn:b"}) || !slices.Equal(uncovered, []string{"c.example.org"}) {
		t.Errorf("%v, uncovered %v", arns, uncovered)
	}
}

func TestDiscoveryCountsOnlyCertificatesOfAllowedAuthorities(t *testing.T) {
	t.Parallel()
	f := Facts{Certificates: map[string]Certificate{
		"arn:ours": {Domains: []string{"a.example.com"}, CA: "arn:ca"}, "arn:public": {
			Domains: []string{"a.example.com", "b.example.com"}},
	}}
	arns, uncovered := DiscoverCertificates(f, []string{"a.example.com", "b.example.com"}, []string{"arn:ca"})
	if !slices.Equal(arns, []string{"arn:ours"}) || !slices.Equal(uncovered, []string{"b.example.com"}) {
		t.Errorf("%v, uncovered %v", arns, uncovered)
	}
}

func TestEveryFailedLookUpNamesWhatWasLookedFor(t *testing.T) {
	t.Parallel()
	for _, k := range []NeedKind{
		NeedVPC, NeedSubnets, NeedRoutes, NeedForeignSubnet, NeedSecurityGroups, NeedForeignGroup, NeedCertificates,
		NeedTargetGroupName,
		NeedOwnCertificates, NeedHostedZones, NeedAddresses, NeedTrustStore, NeedWebACLs, NeedStack, NeedSSLPolicy,
	} {
		n := Need{Kind: k, Key: "x"}
		f := Facts{Errors: map[Need]error{n: errors.New("timeout")}}
		if text := f.Failed(n).Text; strings.HasPrefix(text, "cannot look up  ") || !strings.HasSuffix(text, " x: timeout") {
			t.Errorf("%s: %q", k, text)
		}
	}
}

func TestAProblemKeepsTheMessageOfAWS(t *testing.T) {
	t.Parallel()
	cause := diag.New(diag.Object{}, "", diag.AccessDenied, "not allowed", "allow it")
	cause.RequestID = "r"
	f := Facts{Errors: map[Need]error{{Kind: NeedVPC}: fmt.Errorf("describe: %w", cause)}}
	o := diag.Object{Kind: "Ingress", Name: "x"}
	d := f.Failed(Need{Kind: NeedVPC}).Diagnostic(o, "path")
	if d.Code != diag.AccessDenied || d.Class != diag.Denied || d.RequestID != "r" || d.Remedy != "allow it" ||
		d.Object != o || !strings.Contains(d.Text, "the VPC: not allowed") {
		t.Errorf("%+v", d)
	}
	if f.Failed(Need{Kind: NeedSubnets}) != nil {
		t.Error("a look-up that did not fail is a problem")
	}
}
