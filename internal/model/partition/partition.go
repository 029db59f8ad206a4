// Package partition has the partitions of AWS: separate worlds of accounts and Regions, such as aws and aws-cn. An ARN
// begins with its partition.
package partition

import "strings"

// byPrefix are the partitions of Regions by the beginning of their names; all other Regions are of "aws".
var byPrefix = []struct{ prefix, partition string }{
	{"cn-", "aws-cn"}, {"us-gov-", "aws-us-gov"}, {"eusc-", "aws-eusc"},
	{"us-iso-", "aws-iso"}, {"us-isob-", "aws-iso-b"}, {"eu-isoe-", "aws-iso-e"}, {"us-isof-", "aws-iso-f"},
	{"eu-isof-", "aws-iso-f"},
}

// Of returns the partition of a Region, by its name.
func Of(region string) string {
	for _, p := range byPrefix {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}

// Prefixes returns the beginnings of the names of a partition's Regions; none for aws, which has all other names.
func Prefixes(partition string) (out []string) {
	for _, p := range byPrefix {
		if p.partition == partition {
			out = append(out, p.prefix)
		}
	}
	return out
}
