package seed

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account/pki"
)

var (
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	idForm      = regexp.MustCompile(`^[a-z]+-([0-9a-f]{8}|[0-9a-f]{17})$`)
)

// checker collects what is wrong; each complaint begins with the field.
type checker struct {
	errs []error
	seen map[string]string // id → field that gave it
}

func (c *checker) complain(field, value, format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("%s: %q %s", field, value, fmt.Sprintf(format, args...)))
}

// id checks the form of an id and that nothing else has it.
func (c *checker) id(field, value, prefix string) {
	if !strings.HasPrefix(value, prefix+"-") || !idForm.MatchString(value) {
		c.complain(field, value, "is not an id: %s- and 8 or 17 lower-case hexadecimal digits are expected", prefix)
	}
	c.unique(field, value)
}

func (c *checker) unique(field, value string) {
	if first, ok := c.seen[value]; ok {
		c.complain(field, value, "is used already by %s", first)
		return
	}
	c.seen[value] = field
}

func (c *checker) known(field, value, prefix string) {
	if !strings.HasPrefix(value, prefix) || c.seen[value] == "" {
		c.complain(field, value, "is not in this file")
	}
}

func (c *checker) oneOf(field, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		c.complain(field, value, "is not one of %s", strings.Join(allowed, ", "))
	}
}

func (c *checker) prefix(field, value string) {
	p, err := netip.ParsePrefix(value)
	switch {
	case err != nil:
		c.complain(field, value, "is not a CIDR block")
	case p.Masked() != p:
		c.complain(field, value, "has host bits set; %s is meant", p.Masked())
	}
}

// Validate checks the file as a whole: forms, uniqueness and references. All complaints come in one error.
func (f File) Validate() error {
	c := &checker{seen: map[string]string{}}
	if !accountForm.MatchString(f.Account) {
		c.complain("account", f.Account, "is not an account id of twelve digits")
	}
	if !regionForm.MatchString(f.Region) {
		c.complain("region", f.Region, "is not the name of a region, such as us-west-2")
	}
	zones := f.validateZones(c)
	f.validateVPC(c, zones)
	for i, l := range f.PrefixLists {
		field := fmt.Sprintf("prefixLists[%d]", i)
		c.id(field+".id", l.ID, "pl")
		for j, e := range l.Entries {
			c.prefix(fmt.Sprintf("%s.entries[%d]", field, j), e)
		}
	}
	for i, e := range f.ElasticIPs {
		field := fmt.Sprintf("elasticIPs[%d]", i)
		c.id(field+".allocation", e.Allocation, "eipalloc")
		if _, err := netip.ParseAddr(e.Address); err != nil && e.Address != "" {
			c.complain(field+".address", e.Address, "is not an IP address")
		}
	}
	f.validateGroups(c)
	f.validateNodes(c, zones)
	for i, cert := range f.Certificates {
		field := fmt.Sprintf("certificates[%d]", i)
		if !strings.HasPrefix(cert.ARN, "arn:") || !strings.Contains(cert.ARN, ":"+f.Region+":"+f.Account+":certificate/") {
			c.complain(field+".arn", cert.ARN, "is not the ARN of a certificate of account %s in %s", f.Account, f.Region)
		}
		c.unique(field+".arn", cert.ARN)
		if len(cert.Domains) == 0 {
			c.complain(field+".domains", "", "is missing: a certificate needs one domain at least")
		}
		if cert.KeyAlgorithm != "" {
			c.oneOf(field+".keyAlgorithm", cert.KeyAlgorithm, pki.KeyAlgorithms()...)
		}
	}
	f.validateHostedZones(c)
	f.validateBalancing(c)
	f.validateFirewall(c)
	f.validateIdentity(c)
	f.validateIAM(c)
	f.validateAccounts(c)
	if f.ShieldSubscription != "" {
		c.oneOf("shieldSubscription", f.ShieldSubscription, "ACTIVE", "INACTIVE")
	}
	return errors.Join(c.errs...)
}

// validateAccounts checks the other accounts, and that peered VPCs are those of accounts of the file.
func (f File) validateAccounts(c *checker) {
	ids, vpcs := map[string]bool{f.Account: true}, map[Peer]bool{{f.VPC.ID, f.Account}: true}
	for i, other := range f.Accounts {
		field := fmt.Sprintf("accounts[%d]", i)
		switch {
		case ids[other.Account]:
			c.complain(field+".account", other.Account, "is used already")
		case other.Region != f.Region:
			c.complain(field+".region", other.Region, "is not the region of the file, %s", f.Region)
		case len(other.Accounts) > 0:
			c.complain(field+".accounts", other.Account, "has accounts of its own: they belong to the file's list")
		}
		ids[other.Account], vpcs[Peer{other.VPC.ID, other.Account}] = true, true
		if err := other.Validate(); err != nil {
			c.errs = append(c.errs, fmt.Errorf("%s: %w", field, err))
		}
	}
	if len(f.Accounts) == 0 {
		return // the peers of another account are in the file that has it
	}
	for _, x := range append([]File{f}, f.Accounts...) {
		for _, peer := range x.VPC.Peers {
			if !vpcs[peer] {
				c.complain("vpc.peers", peer.VPC, "is not the VPC of account %q of the file", peer.Account)
			}
		}
	}
}

func (f File) validateZones(c *checker) map[string]bool {
	zones := map[string]bool{}
	for _, letter := range []string{"a", "b", "c", "d"} {
		zones[f.Region+letter] = true
	}
	for i, z := range f.Zones {
		field := fmt.Sprintf("zones[%d]", i)
		c.unique(field+".name", z.Name)
		c.oneOf(field+".type", z.Type, "availability-zone", "local-zone", "wavelength-zone")
		if z.OptIn != "" {
			c.oneOf(field+".optIn", z.OptIn, "opted-in", "not-opted-in")
		}
		zones[z.Name] = true
	}
	return zones
}

func (f File) validateVPC(c *checker, zones map[string]bool) {
	c.id("vpc.id", f.VPC.ID, "vpc")
	c.prefix("vpc.cidr", f.VPC.CIDR)
	for i, x := range f.VPC.ExtraCIDRs {
		c.prefix(fmt.Sprintf("vpc.extraCIDRs[%d]", i), x)
	}
	if f.VPC.IPv6CIDR != "" {
		c.prefix("vpc.ipv6CIDR", f.VPC.IPv6CIDR)
	}
	if f.VPC.InternetGateway != "" {
		c.id("vpc.internetGateway", f.VPC.InternetGateway, "igw")
	}
	for i, s := range f.VPC.Subnets {
		field := fmt.Sprintf("vpc.subnets[%d]", i)
		c.id(field+".id", s.ID, "subnet")
		c.prefix(field+".cidr", s.CIDR)
		if s.IPv6CIDR != "" {
			c.prefix(field+".ipv6CIDR", s.IPv6CIDR)
		}
		if !zones[s.Zone] {
			c.complain(field+".zone", s.Zone, "is not a zone of %s", f.Region)
		}
		if s.Public && f.VPC.InternetGateway == "" {
			c.complain(field+".public", "true", "needs vpc.internetGateway")
		}
	}
}

func (f File) validateGroups(c *checker) {
	for i, g := range f.SecurityGroups {
		c.id(fmt.Sprintf("securityGroups[%d].id", i), g.ID, "sg")
	}
	for i, g := range f.SecurityGroups {
		for j, r := range g.Ingress {
			field := fmt.Sprintf("securityGroups[%d].ingress[%d]", i, j)
			if _, _, _, err := r.ports(); err != nil {
				c.errs = append(c.errs, fmt.Errorf("%s.%w", field, err))
			}
			given := 0
			if r.CIDR != "" {
				given++
				c.prefix(field+".cidr", r.CIDR)
			}
			if r.Source != "" {
				given++
				c.known(field+".source", r.Source, "sg-")
			}
			if r.PrefixList != "" {
				given++
				c.known(field+".prefixList", r.PrefixList, "pl-")
			}
			if given != 1 {
				c.errs = append(c.errs, fmt.Errorf("%s: give exactly one of cidr, source and prefixList, not %d", field, given))
			}
		}
	}
}

func (f File) validateNodes(c *checker, zones map[string]bool) {
	for i, p := range f.Cluster.PodCIDRs {
		c.prefix(fmt.Sprintf("cluster.podCIDRs[%d]", i), p)
	}
	for i, n := range f.Cluster.Nodes {
		field := fmt.Sprintf("cluster.nodes[%d]", i)
		c.unique(field+".name", n.Name)
		c.id(field+".instance", n.Instance, "i")
		if !zones[n.Zone] {
			c.complain(field+".zone", n.Zone, "is not a zone of %s", f.Region)
		}
		if n.Arch != "" {
			c.oneOf(field+".arch", n.Arch, "amd64", "arm64")
		}
	}
	if len(f.Cluster.Nodes) > 0 {
		if f.Cluster.Name == "" {
			c.complain("cluster.name", "", "is missing: nodes belong to a cluster")
		}
		if len(f.nodeGroups()) != 1 {
			c.complain("securityGroups", strings.Join(f.nodeGroups(), ","),
				"must hold exactly one group with the tag kubernetes.io/cluster/%s, that of the nodes", f.Cluster.Name)
		}
	}
}

// nodeGroups are the security groups that carry the cluster's tag.
func (f File) nodeGroups() []string {
	var ids []string
	for _, g := range f.SecurityGroups {
		if _, ok := g.Tags["kubernetes.io/cluster/"+f.Cluster.Name]; ok {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

func (f File) validateBalancing(c *checker) {
	names := map[string]bool{}
	for i, g := range f.TargetGroups {
		field := fmt.Sprintf("targetGroups[%d]", i)
		if names[g.Name] {
			c.complain(field+".name", g.Name, "is used already by another target group")
		}
		names[g.Name] = true
		if !strings.Contains(g.ARN, ":targetgroup/"+g.Name+"/") {
			c.complain(field+".arn", g.ARN, "is not the ARN of a target group named %s", g.Name)
		}
		c.oneOf(field+".targetType", g.TargetType, "instance", "ip")
	}
	balancers := map[string]bool{}
	for i, lb := range f.LoadBalancers {
		field := fmt.Sprintf("loadBalancers[%d]", i)
		if balancers[lb.Name] {
			c.complain(field+".name", lb.Name, "is used already by another load balancer")
		}
		balancers[lb.Name] = true
		c.oneOf(field+".type", lb.Type, "application", "network")
		c.oneOf(field+".scheme", lb.Scheme, "internal", "internet-facing")
		kind := map[string]string{"application": "app", "network": "net"}[lb.Type]
		if !strings.Contains(lb.ARN, ":loadbalancer/"+kind+"/"+lb.Name+"/") {
			c.complain(field+".arn", lb.ARN, "is not the ARN of a load balancer of type %s named %s", lb.Type, lb.Name)
		}
		for j, s := range lb.Subnets {
			c.known(fmt.Sprintf("%s.subnets[%d]", field, j), s, "subnet-")
		}
		for j, g := range lb.SecurityGroups {
			c.known(fmt.Sprintf("%s.securityGroups[%d]", field, j), g, "sg-")
		}
		for j, l := range lb.Listeners {
			if !names[l.Forward] {
				c.complain(fmt.Sprintf("%s.listeners[%d].forward", field, j), l.Forward, "is not a target group of this file")
			}
			for k, arn := range l.Certificates {
				c.known(fmt.Sprintf("%s.listeners[%d].certificates[%d]", field, j, k), arn, "arn:")
			}
		}
	}
}

// ports is the rule's protocol and port range in EC2's form; errors begin with the field's name.
func (r Rule) ports() (protocol string, from, to int32, err error) {
	switch r.Protocol {
	case "all", "-1":
		if r.Port != 0 || r.Ports != "" {
			return "", 0, 0, fmt.Errorf("protocol: %q takes no port", r.Protocol)
		}
		return "-1", -1, -1, nil
	case "icmp", "icmpv6":
		return r.Protocol, -1, -1, nil
	case "tcp", "udp":
	default:
		if n, err := strconv.Atoi(r.Protocol); err != nil || n < 0 || n > 255 {
			return "", 0, 0, fmt.Errorf("protocol: %q is none of tcp, udp, icmp, icmpv6, all, or a number", r.Protocol)
		}
		return r.Protocol, -1, -1, nil
	}
	if r.Ports == "" {
		if r.Port < 1 || r.Port > 65535 {
			return "", 0, 0, fmt.Errorf("port: %q is not a port", strconv.Itoa(int(r.Port)))
		}
		return r.Protocol, r.Port, r.Port, nil
	}
	if r.Port != 0 {
		return "", 0, 0, fmt.Errorf("ports: %q is given besides port; give one of them", r.Ports)
	}
	low, high, ok := strings.Cut(r.Ports, "-")
	first, err1 := strconv.ParseUint(low, 10, 16)
	last, err2 := strconv.ParseUint(high, 10, 16)
	if !ok || err1 != nil || err2 != nil || first > last {
		return "", 0, 0, fmt.Errorf("ports: %q is not a range such as 30000-32767", r.Ports)
	}
	return r.Protocol, int32(first), int32(last), nil
}
