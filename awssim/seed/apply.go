package seed

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/domainname"
	"github.com/k8s-lbc/lbc/awssim/account/hostedzone"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

// Apply puts networks, security groups, nodes, certificates, users and roles into an empty account of the same id and
// region (an account without them gets the file's). The caller holds the account's lock or is alone with it. Errors
// name the field.
func (f File) Apply(a *account.Account) error {
	if err := f.Validate(); err != nil {
		return err
	}
	if a.ID == "" {
		a.ID = f.Account
	}
	if a.Region == "" {
		a.Region, a.Partition = f.Region, account.PartitionOf(f.Region)
	}
	if a.ID != f.Account || a.Region != f.Region {
		return fmt.Errorf("the file describes account %s in %s, not %s in %s", f.Account, f.Region, a.ID, a.Region)
	}
	for _, step := range []func(*account.Account) error{
		f.applyZones, f.applyVPC, f.applyLists, f.applyGroups, f.applyNodes, f.applyCertificates, f.applyPools,
		f.applyUserPools, f.applyHostedZones,
		f.applyIAM,
	} {
		if err := step(a); err != nil {
			return err
		}
	}
	return nil
}

func (f File) applyZones(a *account.Account) error {
	for _, z := range vpc.StandardZones(f.Region) {
		a.AddZone(z)
	}
	for _, z := range f.Zones {
		zone := &vpc.AvailabilityZone{
			Name: z.Name, ID: z.ID, Type: z.Type, State: "available", OptInStatus: z.OptIn, Group: f.Region,
			ParentName: z.Parent,
		}
		if zone.OptInStatus == "" {
			zone.OptInStatus = "opted-in"
		}
		if z.Type != "availability-zone" {
			zone.Group = z.Name[:len(z.Name)-1] // us-west-2-lax-1a is of the group us-west-2-lax-1
		}
		if parent, ok := a.Zones[z.Parent]; ok {
			zone.ParentID = parent.ID
		}
		a.AddZone(zone)
	}
	return nil
}

func (f File) applyVPC(a *account.Account) error {
	v := &vpc.VPC{ID: f.VPC.ID, Tags: clone(f.VPC.Tags)}
	for _, block := range append([]string{f.VPC.CIDR}, f.VPC.ExtraCIDRs...) {
		v.CIDRs = append(v.CIDRs, vpc.CIDR{Prefix: netip.MustParsePrefix(block)}) // validated
	}
	if f.VPC.IPv6CIDR != "" {
		v.IPv6CIDRs = []vpc.CIDR{{Prefix: netip.MustParsePrefix(f.VPC.IPv6CIDR)}}
	}
	for _, peer := range f.VPC.Peers {
		a.AddPeering(&vpc.Peering{Requester: v.ID, Accepter: peer.VPC, PeerOwner: peer.Account, PeerRegion: f.Region,
			Status: "active"})
	}
	if err := a.AddVPC(v); err != nil {
		return fmt.Errorf("vpc: %w", err)
	}
	var public *vpc.RouteTable
	if f.VPC.InternetGateway != "" {
		a.AddInternetGateway(&vpc.InternetGateway{ID: f.VPC.InternetGateway, Owner: a.ID, VPCs: []string{v.ID}})
		public = &vpc.RouteTable{VPC: v.ID, Owner: a.ID, Subnets: map[string]string{}, Routes: a.LocalRoutes(v)}
		public.Routes = append(public.Routes, vpc.Route{Destination: "0.0.0.0/0", Gateway: f.VPC.InternetGateway,
			State: "active"})
		if f.VPC.IPv6CIDR != "" {
			public.Routes = append(public.Routes, vpc.Route{Destination: "::/0", Gateway: f.VPC.InternetGateway,
				State: "active"})
		}
		a.AddRouteTable(public)
	}
	for i, s := range f.VPC.Subnets {
		subnet := &vpc.Subnet{
			ID: s.ID, VPC: v.ID, Zone: s.Zone, CIDR: netip.MustParsePrefix(s.CIDR), MapPublicIPOnLaunch: s.Public,
			Outpost: s.Outpost, Tags: clone(s.Tags),
		}
		if s.IPv6CIDR != "" {
			subnet.IPv6CIDRs = []vpc.CIDR{{Prefix: netip.MustParsePrefix(s.IPv6CIDR)}}
		}
		if err := a.AddSubnet(subnet); err != nil {
			return fmt.Errorf("vpc.subnets[%d]: %w", i, err)
		}
		if s.Public {
			public.Subnets[s.ID] = a.NewID("rtbassoc")
		}
	}
	return nil
}

func (f File) applyLists(a *account.Account) error {
	for _, l := range f.PrefixLists {
		list := &vpc.PrefixList{ID: l.ID, Name: l.Name, Owner: listOwner(a, l.Name),
			MaxEntries: max(l.MaxEntries, len(l.Entries))}
		for _, e := range l.Entries {
			list.Entries = append(list.Entries, netip.MustParsePrefix(e)) // validated
		}
		a.AddPrefixList(list)
	}
	for _, block := range f.AcceleratorCIDRs {
		a.OwnAddresses = append(a.OwnAddresses, netip.MustParsePrefix(block)) // validated
	}
	for _, e := range f.ElasticIPs {
		address := &vpc.ElasticAddress{Allocation: e.Allocation, Tags: clone(e.Tags)}
		if e.Address != "" {
			address.Public = netip.MustParseAddr(e.Address) // validated
		}
		a.AddAddress(address)
	}
	return nil
}

func (f File) applyGroups(a *account.Account) error {
	for i, g := range f.SecurityGroups {
		name := g.Name
		if name == "" {
			name = g.Tags["Name"]
		}
		if name == "" {
			name = g.ID
		}
		description := g.Description
		if description == "" {
			description = name
		}
		if _, taken := a.GroupNamed(f.VPC.ID, name); taken {
			return fmt.Errorf("securityGroups[%d]: the name %q is taken by another group of %s", i, name, f.VPC.ID)
		}
		group, err := a.NewSecurityGroup(f.VPC.ID, g.ID, name, description)
		if err != nil {
			return fmt.Errorf("securityGroups[%d]: %w", i, err)
		}
		group.Tags = clone(g.Tags)
		for j, r := range g.Ingress {
			protocol, from, to, err := r.ports()
			if err != nil {
				return fmt.Errorf("securityGroups[%d].ingress[%d].%w", i, j, err)
			}
			p := vpc.Permission{ID: a.NewID("sgr"), Description: r.Description, PermissionKey: vpc.PermissionKey{
				Protocol: protocol, From: from, To: to, Group: r.Source, PrefixList: r.PrefixList,
			}}
			if r.CIDR != "" {
				p.CIDR = netip.MustParsePrefix(r.CIDR) // validated
			}
			if r.Source != "" {
				p.PeerOwner = a.ID
			}
			group.Ingress = append(group.Ingress, p)
		}
	}
	return nil
}

// machines has the instance type of nodes by their architecture.
var machines = map[string]struct{ architecture, instanceType string }{
	"amd64": {"x86_64", "m6i.large"},
	"arm64": {"arm64", "m6g.large"},
}

func (f File) applyNodes(a *account.Account) error {
	for i, n := range f.Cluster.Nodes {
		addr, _ := n.Address()
		subnet, err := f.subnetOf(n, addr)
		if err != nil {
			return fmt.Errorf("cluster.nodes[%d]: %w", i, err)
		}
		arch := n.Arch
		if arch == "" {
			arch = "amd64"
		}
		instance := &vpc.Instance{
			ID: n.Instance, Type: n.Type, Role: f.Cluster.NodeRole, Architecture: machines[arch].architecture,
			Tags: map[string]string{"Name": n.Name, "kubernetes.io/cluster/" + f.Cluster.Name: "owned"},
		}
		if instance.Type == "" {
			instance.Type = machines[arch].instanceType
		}
		if _, err := a.AddInstance(instance, subnet, f.nodeGroups(), addr); err != nil {
			return fmt.Errorf("cluster.nodes[%d]: %w", i, err)
		}
	}
	return nil
}

// subnetOf is the private subnet of the node's zone that holds its address, or the first one if there is no address.
func (f File) subnetOf(n Node, addr netip.Addr) (string, error) {
	for _, s := range f.VPC.Subnets {
		if s.Zone == n.Zone && !s.Public && (!addr.IsValid() || netip.MustParsePrefix(s.CIDR).Contains(addr)) {
			return s.ID, nil
		}
	}
	if addr.IsValid() {
		return "", fmt.Errorf("name: %q tells the address %s, which no private subnet of %s holds", n.Name, addr, n.Zone)
	}
	return "", fmt.Errorf("zone: %q has no private subnet", n.Zone)
}

func (f File) applyCertificates(a *account.Account) error {
	var now time.Time
	if a.Clock != nil {
		now = a.Clock.Now()
	}
	for _, c := range f.Certificates {
		certificate := &account.Certificate{
			ARN: c.ARN, Domain: c.Domains[0], AlternativeNames: append([]string(nil), c.Domains...), Status: c.Status,
			Type:         c.Type,
			KeyAlgorithm: c.KeyAlgorithm, Created: now, NotBefore: now, NotAfter: now.Add(account.CertificateLife),
			Tags: clone(c.Tags),
		}
		if certificate.Status == "" {
			certificate.Status = "ISSUED"
		}
		if certificate.Type == "" {
			certificate.Type = "AMAZON_ISSUED"
		}
		if certificate.KeyAlgorithm == "" {
			certificate.KeyAlgorithm = "RSA_2048"
		}
		switch {
		case certificate.Type == "IMPORTED":
			certificate.Imported = now
		case certificate.Status == "ISSUED":
			certificate.Issued = now
		}
		a.AddCertificate(certificate)
	}
	return nil
}

// applyHostedZones makes the zones, without the records that the file gives them.
func (f File) applyHostedZones(a *account.Account) error {
	if a.Clock == nil {
		return nil // records are of some time
	}
	for i, h := range f.HostedZones {
		name, err := domainname.Canonical(h.Name)
		if err != nil {
			return fmt.Errorf("hostedZones[%d]: name: %w", i, err)
		}
		z := &hostedzone.Zone{ID: h.ID, Name: name, CallerReference: "account-file-" + h.ID, Private: h.Private,
			Tags: clone(h.Tags)}
		if h.Private {
			z.VPCs = []hostedzone.VPC{{ID: f.VPC.ID, Region: f.Region}}
		}
		a.AddHostedZone(z)
		z.Establish()
	}
	return nil
}

func clone(tags map[string]string) map[string]string {
	out := make(map[string]string, len(tags))
	for k, v := range tags {
		out[k] = v
	}
	return out
}
