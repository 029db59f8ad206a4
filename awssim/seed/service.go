package seed

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account/domainname"
)

// firewallForm is a web ACL's or IP set's ARN: kind, name, id.
var firewallForm = regexp.MustCompile(
	`^arn:[\w-]+:wafv2:([\w-]+):(\d{12}):(?:regional|global)/(webacl|ipset)/([\w-]{1,128})/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)

// FirewallName is the name in the ARN of a web ACL or an IP set, empty if it is none.
func FirewallName(arn string) string {
	if m := firewallForm.FindStringSubmatch(arn); m != nil {
		return m[4]
	}
	return ""
}

func (f File) validateFirewall(c *checker) {
	for i, block := range f.AcceleratorCIDRs {
		c.prefix(fmt.Sprintf("acceleratorCIDRs[%d]", i), block)
	}
	check := func(field, arn, kind string) {
		if m := firewallForm.FindStringSubmatch(arn); m == nil || m[1] != f.Region || m[2] != f.Account || m[3] != kind {
			c.complain(field, arn, "is not the ARN of a %s of AWS WAF of account %s in %s", kind, f.Account, f.Region)
		}
		c.unique(field, arn)
	}
	for i, w := range f.WebACLs {
		check(fmt.Sprintf("webACLs[%d].arn", i), w.ARN, "webacl")
		if w.Default != "" {
			c.oneOf(fmt.Sprintf("webACLs[%d].default", i), w.Default, "allow", "block")
		}
	}
	for i, s := range f.IPSets {
		check(fmt.Sprintf("ipSets[%d].arn", i), s.ARN, "ipset")
		for j, a := range s.Addresses {
			field := fmt.Sprintf("ipSets[%d].addresses[%d]", i, j)
			c.prefix(field, a)
			if p, err := netip.ParsePrefix(a); err == nil && p.Addr().Is4() != netip.MustParsePrefix(
				s.Addresses[0]).Addr().Is4() {
				c.complain(field, a, "is of another address family than the first one")
			}
		}
	}
}

var zoneForm = regexp.MustCompile(`^Z[0-9A-Z]{1,31}$`)

func (f File) validateHostedZones(c *checker) {
	for i, z := range f.HostedZones {
		field := fmt.Sprintf("hostedZones[%d]", i)
		if !zoneForm.MatchString(z.ID) {
			c.complain(field+".id", z.ID, "is not the id of a hosted zone, such as Z0A1DE00000001")
		}
		c.unique(field+".id", z.ID)
		name, err := domainname.Canonical(z.Name)
		if err != nil || !strings.Contains(strings.TrimSuffix(name, "."), ".") {
			c.complain(field+".name", z.Name, "is not the name of a hosted zone, such as example.com.")
		}
		for j, r := range z.Records {
			at := fmt.Sprintf("%s.records[%d]", field, j)
			if set, err := domainname.Canonical(r.Name); err != nil || !domainname.Within(set, name) {
				c.complain(at+".name", r.Name, "is not a name in the zone %s", z.Name)
			}
			if (r.Alias == "") == (len(r.Values) == 0) {
				c.complain(at+".values", strings.Join(r.Values, " "), "and alias: give one of the two")
			}
		}
	}
}
