package check

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
)

// name reports a name that AWS does not take although the schema does.
func (c *checking) name() {
	if n := ptr.Deref(c.spec.Name, ""); strings.HasPrefix(n, "-") || strings.HasSuffix(n, "-") {
		c.add(Names, "spec.name", fmt.Sprintf("the name %q begins or ends with a hyphen", n),
			"begin and end it with a letter or a digit")
	}
}

// addresses reports addresses that are none, or that no account can bring to AWS.
func (c *checking) addresses() {
	seen := map[netip.Addr]bool{}
	for i, text := range c.spec.IPAddresses {
		path := fmt.Sprintf("spec.ipAddresses[%d]", i)
		a, err := netip.ParseAddr(text)
		switch {
		case err != nil:
			c.add(IPAddresses, path, fmt.Sprintf("%q is not an IP address", text),
				"write an IPv4 address, such as 198.51.100.10")
		case !a.Is4():
			c.add(IPAddresses, path, fmt.Sprintf("%s is not an IPv4 address; AWS assigns the IPv6 addresses of an accelerator",
				text), "write an IPv4 address; ipAddressType: DUAL_STACK adds IPv6 addresses")
		case a.IsPrivate() || !a.IsGlobalUnicast():
			c.add(IPAddresses, path, fmt.Sprintf("%s is not a public address", text),
				"write an address of a range that the account brought to AWS")
		case seen[a]:
			c.add(IPAddresses, path, fmt.Sprintf("%s is there twice", text), "write another address, or leave AWS to assign one")
		}
		seen[a] = true
	}
}

// TrackingTags is the number of tags by which the controller finds an accelerator.
const TrackingTags = 4

// Lengths of tags (API reference of Global Accelerator, Tag).
const (
	maxTagKey   = 128
	maxTagValue = 256
)

// tags reports tags that AWS does not take.
func (c *checking) tags() {
	for _, key := range slices.Sorted(maps.Keys(c.spec.Tags)) {
		path, v := fmt.Sprintf("spec.tags[%s]", key), c.spec.Tags[key]
		switch {
		case key == "" || utf8.RuneCountInString(key) > maxTagKey:
			c.add(Tags, path, fmt.Sprintf("the key of a tag has %d characters, not 1 to %d", utf8.RuneCountInString(key),
				maxTagKey), "write another key")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			c.add(Tags, path, fmt.Sprintf("the key %s begins with aws:, which is for AWS's own tags", key), "write another key")
		case utf8.RuneCountInString(v) > maxTagValue:
			c.add(Tags, path, fmt.Sprintf("the value of tag %s has %d characters, and AWS allows %d", key,
				utf8.RuneCountInString(v), maxTagValue), "write a shorter value")
		}
	}
	if n := len(c.spec.Tags); n > accelerator.MaxTags-TrackingTags {
		c.add(Limits, "spec.tags", fmt.Sprintf("%d tags are declared, and AWS allows %d of an accelerator, of which the "+
			"controller uses %d", n, accelerator.MaxTags, TrackingTags), "remove tags")
	}
}
