package annotation

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// RangeProblem returns why a value is not an address range, and the remedy; empty if it is one.
func RangeProblem(value string) (problem, remedy string) {
	if _, _, err := net.ParseCIDR(value); err == nil {
		return "", ""
	}
	remedy = "write address ranges such as 198.51.100.0/24 or 2001:db8::/32"
	if a, err := netip.ParseAddr(value); err == nil {
		remedy = fmt.Sprintf("write an address range; did you mean %s?", netip.PrefixFrom(a.WithZone(""), a.BitLen()))
	} else if strings.Count(value, "/") > 1 {
		remedy = "separate address ranges with commas"
	}
	return fmt.Sprintf("%.300q is not an address range", value), remedy
}

// labelProblem returns why objects cannot have a label; empty if they can.
func labelProblem(key, value string) string {
	const of = "letters, digits and -_., and begins and ends with a letter or digit"
	switch {
	case len(validation.IsQualifiedName(key)) > 0:
		return fmt.Sprintf("%.300s=%.100s cannot be a label: its key has at most 63 %s, after an optional prefix such as "+
			"example.com/", key, value, of)
	case len(validation.IsValidLabelValue(value)) > 0:
		return fmt.Sprintf("%.300s=%.100s cannot be a label: its value has at most 63 %s", key, value, of)
	}
	return ""
}

// SecretNameProblem returns why no Secret can have a name; empty if one can.
func SecretNameProblem(name string) string {
	if len(validation.IsDNS1123Subdomain(name)) == 0 {
		return ""
	}
	return fmt.Sprintf("%.300q is not the name of a Secret, which has lowercase letters, digits, hyphens and dots", name)
}
