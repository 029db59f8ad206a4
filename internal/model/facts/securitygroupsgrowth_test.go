package facts

import (
	"fmt"
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
)

// TestNamedSecurityGroupsCostNoBytesOfOthers shows that a pass that names groups pays for no other group of the VPC.
func TestNamedSecurityGroupsCostNoBytesOfOthers(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes of the groups that an object names, by security groups", func(n int) float64 {
		f := Facts{SecurityGroups: map[string]SecurityGroup{}}
		for i := range n {
			f.SecurityGroups[fmt.Sprint("sg-", i)] = SecurityGroup{Tags: map[string]string{"Name": fmt.Sprint("web-", i)}}
		}
		return growth.Bytes(func() {
			c := ResolveSecurityGroups(f, "vpc-1", []string{"sg-7", "web-5"})
			if !slices.Equal(c.IDs, []string{"sg-7", "sg-5"}) {
				t.Errorf("groups %+v", c)
			}
		})
	})
}
