package seed

import (
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
)

func TestTheDefaultAccountApplies(t *testing.T) {
	t.Parallel()
	a := &account.Account{Clock: clock.NewStepped(time.Unix(1_700_000_000, 0))}
	f := Default()
	if err := f.Apply(a); err != nil {
		t.Fatal(err)
	}
	if a.ID != f.Account || a.Region != "us-west-2" || a.Partition != "aws" {
		t.Errorf("account is %s in %s (%s)", a.ID, a.Region, a.Partition)
	}
	for _, n := range f.Cluster.Nodes {
		i, ok := a.Instance(n.Instance)
		if !ok {
			t.Fatalf("node %s has no instance", n.Name)
		}
		want, _ := n.Address()
		eni, _ := a.Interface(i.Interfaces[0])
		if eni.PrimaryAddress() != want || i.Zone != n.Zone || eni.Groups[0] != f.SecurityGroups[0].ID {
			t.Errorf("node %s: address %s in %s with groups %v", n.Name, eni.PrimaryAddress(), i.Zone, eni.Groups)
		}
		if got, ok := a.InterfaceAt(f.VPC.ID, want); !ok || got != eni {
			t.Errorf("address %s does not lead to the interface of %s", want, n.Name)
		}
	}
	for _, s := range f.VPC.Subnets {
		subnet, ok := a.Subnet(s.ID)
		if !ok || a.RoutesToInternet(subnet) != s.Public {
			t.Errorf("subnet %s: exists %v, public %v", s.ID, ok, s.Public)
		}
	}
	if len(a.Certificates) != len(f.Certificates) {
		t.Errorf("%d certificates, want %d", len(a.Certificates), len(f.Certificates))
	}
}

func TestAnAccountMovesToAnotherRegion(t *testing.T) {
	t.Parallel()
	f, err := Default().InRegion("eu-central-1")
	if err != nil {
		t.Fatal(err)
	}
	a := account.New(f.Account, "eu-central-1", clock.Real{}, account.Instant())
	if err := f.Apply(a); err != nil {
		t.Fatal(err)
	}
	if z, ok := a.Zones["eu-central-1a"]; !ok || z.ID != "euc1-az2" {
		t.Errorf("zone eu-central-1a is %+v", z)
	}
	if err := Default().Apply(account.New(f.Account, "eu-central-1", clock.Real{}, account.Instant())); err == nil {
		t.Error("an account of another region was accepted")
	}
}

const head = `account: "123456789012"
region: us-west-2
vpc:
  id: vpc-00000001
  cidr: 10.0.0.0/16
`

func TestBrokenFilesAreRefusedWithFieldAndValue(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"unknown field", head + "colour: blue\n", `unknown field "colour"`},
		{"wrong type", "account: [1]\nregion: us-west-2\n", "account"},
		{"account", strings.Replace(head, "123456789012", "12", 1), `account: "12" is not an account id`},
		{"region", strings.Replace(head, "us-west-2", "west", 1), `region: "west" is not the name of a region`},
		{"vpc id", strings.Replace(head, "vpc-00000001", "vpc-1", 1), `vpc.id: "vpc-1" is not an id`},
		{"cidr", strings.Replace(head, "10.0.0.0/16", "10.0.0.1/16", 1),
			`vpc.cidr: "10.0.0.1/16" has host bits set; 10.0.0.0/16 is meant`},
		{"zone", head + "  subnets: [{id: subnet-00000001, zone: us-east-1a, cidr: 10.0.0.0/20}]\n",
			`vpc.subnets[0].zone: "us-east-1a" is not a zone of us-west-2`},
		{"public without gateway", head + "  subnets: [{id: subnet-00000001, zone: us-west-2a, cidr: 10.0.0.0/20, " +
			"public: true}]\n", `vpc.subnets[0].public: "true" needs vpc.internetGateway`},
		{"duplicate id", head + "  subnets: [{id: subnet-00000001, zone: us-west-2a, cidr: 10.0.0.0/20}, {id: " +
			"subnet-00000001, zone: us-west-2a, cidr: 10.0.16.0/20}]\n",
			`vpc.subnets[1].id: "subnet-00000001" is used already by vpc.subnets[0].id`},
		{"source", head + "securityGroups: [{id: sg-00000001, ingress: [{protocol: tcp, port: 80, source: sg-00000002}]}]\n",
			`securityGroups[0].ingress[0].source: "sg-00000002" is not in this file`},
		{"two peers", head + "securityGroups: [{id: sg-00000001, ingress: [{protocol: tcp, port: 80, source: sg-00000001, " +
			"cidr: 10.0.0.0/8}]}]\n", "securityGroups[0].ingress[0]: give exactly one of cidr, source and prefixList, not 2"},
		{"range", head + "securityGroups: [{id: sg-00000001, ingress: [{protocol: tcp, ports: 9-3, cidr: 10.0.0.0/8}]}]\n",
			`securityGroups[0].ingress[0].ports: "9-3" is not a range`},
		{"protocol", head + "securityGroups: [{id: sg-00000001, ingress: [{protocol: tpc, port: 1, cidr: 10.0.0.0/8}]}]\n",
			`securityGroups[0].ingress[0].protocol: "tpc" is none of`},
		{"node group", head + "cluster: {name: c, nodes: [{name: ip-10-0-0-5, instance: i-00000001, zone: us-west-2a}]}\n",
			"must hold exactly one group with the tag kubernetes.io/cluster/c"},
		{"forward", head + "loadBalancers: [{name: a, arn: 'x:loadbalancer/app/a/1', type: application, scheme: internal, " +
			"subnets: [], listeners: [{protocol: HTTP, port: 80, forward: tg}]}]\n",
			`loadBalancers[0].listeners[0].forward: "tg" is not a target group`},
		{"user pool", head + "userPools: [{arn: 'arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a', " +
			"domain: shop}]\n",
			`userPools[0].arn: "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a" is not the ARN`},
		{"user pool domain", head + "userPools: [{arn: 'arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_a'}]\n",
			`userPools[0].domain: "" is missing`},
		{"client twice", head + "identityProvider: {clients: [{id: a}, {id: a}]}\n",
			`identityProvider.clients[1].id: "a" is empty or taken`},
		{"user twice", head + "identityProvider: {users: [{name: a}, {name: a}]}\n",
			`identityProvider.users[1].name: "a" is empty or taken`},
		{"automatic user", head + "identityProvider: {autoLogin: a, users: [{name: b}]}\n",
			`identityProvider.autoLogin: "a" is not a user`},
		{"provider's host", head + "identityProvider: {hosts: ['https://a']}\n",
			`identityProvider.hosts[0]: "https://a" is not a host name`},
		{"shield", head + "shieldSubscription: MAYBE\n", `shieldSubscription: "MAYBE" is not one of ACTIVE, INACTIVE`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(strings.NewReader(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestANodeOutsideOfItsZonesSubnetsIsRefused(t *testing.T) {
	t.Parallel()
	f := Default()
	f.Cluster.Nodes[0].Name = "ip-10-9-9-9"
	err := f.Apply(&account.Account{Clock: clock.Real{}})
	if err == nil || !strings.Contains(err.Error(), "cluster.nodes[0]: name: \"ip-10-9-9-9\" tells the address 10.9.9.9") {
		t.Errorf("got %v", err)
	}
}
