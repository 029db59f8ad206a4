// Package imds answers what programs on instances and in pods request on link-local addresses: the instance metadata
// service, version 2, and the agent of EKS Pod Identity. It holds HTTP handlers over the account and no other API. It
// imports awssim/account, awssim/iam, awssim/token, awssim/apierr and the standard library.
package imds

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/iam"
)

// roleLife is how long the credentials of an instance are valid, and roleReserve how long before their end others are
// given out. EC2 User Guide, "Retrieve security credentials from instance metadata": new ones are there 5 minutes
// before.
const (
	roleLife    = 6 * time.Hour
	roleReserve = 15 * time.Minute
)

// leaves is everything that the service answers about the instance, by path under /latest/, as functions that make it
// when it is asked for. The account is locked while it is read and while one of them runs.
func leaves(a *account.Account, i *vpc.Instance) map[string]func() string {
	all := map[string]func() string{}
	set := func(path, value string) { all[path] = func() string { return value } }
	for path, value := range map[string]string{
		"ami-id":                         i.Image,
		"instance-id":                    i.ID,
		"instance-type":                  i.Type,
		"instance-life-cycle":            "on-demand",
		"placement/availability-zone":    i.Zone,
		"placement/availability-zone-id": zoneID(a, i.Zone),
		"placement/region":               a.Region,
		"services/domain":                "amazonaws.com",
		"services/partition":             a.Partition,
	} {
		if value != "" {
			set("meta-data/"+path, value)
		}
	}
	for index, id := range i.Interfaces {
		if n, ok := a.Interface(id); ok {
			interfaceLeaves(a, n, index, set)
		}
	}
	if i.Role != "" {
		role := a.Roles[i.Role]
		set("meta-data/iam/info", text(map[string]any{
			"Code": "Success", "LastUpdated": i.Launched.UTC().Format(time.RFC3339),
			"InstanceProfileArn": a.IAMARN("instance-profile/" + i.Role), "InstanceProfileId": "AIPA" +
				strings.ToUpper(strings.TrimPrefix(i.ID, "i-")),
		}))
		all["meta-data/iam/security-credentials/"+i.Role] = func() string { return roleCredentials(a, i, role) }
	}
	set("dynamic/instance-identity/document", identity(a, i))
	return all
}

func zoneID(a *account.Account, name string) string {
	if z := a.Zones[name]; z != nil {
		return z.ID
	}
	return ""
}

func interfaceLeaves(a *account.Account, n *vpc.Interface, index int, set func(path, value string)) {
	base := "meta-data/network/interfaces/macs/" + n.MAC + "/"
	var addresses, public []string
	for _, p := range n.Addresses {
		addresses = append(addresses, p.Addr.String())
		if p.Public.IsValid() {
			public = append(public, p.Public.String())
		}
	}
	primary := n.PrimaryAddress().String()
	host := hostname(a.Region, primary)
	set(base+"device-number", strconv.Itoa(index))
	set(base+"interface-id", n.ID)
	set(base+"mac", n.MAC)
	set(base+"owner-id", a.ID)
	set(base+"vpc-id", n.VPC)
	set(base+"subnet-id", n.Subnet)
	set(base+"local-hostname", host)
	set(base+"local-ipv4s", strings.Join(addresses, "\n"))
	set(base+"security-group-ids", strings.Join(n.Groups, "\n"))
	if len(public) > 0 {
		set(base+"public-ipv4s", strings.Join(public, "\n"))
	}
	if len(n.IPv6Addresses) > 0 {
		set(base+"ipv6s", join(n.IPv6Addresses))
	}
	if len(n.Prefixes) > 0 {
		set(base+"ipv4-prefix", join(n.Prefixes))
	}
	if s, ok := a.Subnet(n.Subnet); ok {
		set(base+"subnet-ipv4-cidr-block", s.CIDR.String())
		for _, c := range s.IPv6CIDRs {
			set(base+"subnet-ipv6-cidr-blocks", c.Prefix.String())
		}
	}
	if v := a.VPCs[n.VPC]; v != nil && len(v.CIDRs) > 0 {
		set(base+"vpc-ipv4-cidr-block", v.CIDRs[0].Prefix.String())
		var blocks []string
		for _, c := range v.CIDRs {
			blocks = append(blocks, c.Prefix.String())
		}
		set(base+"vpc-ipv4-cidr-blocks", strings.Join(blocks, "\n"))
	}
	if index > 0 {
		return
	}
	set("meta-data/mac", n.MAC)
	set("meta-data/local-ipv4", primary)
	set("meta-data/local-hostname", host)
	set("meta-data/hostname", host)
	if len(public) > 0 {
		set("meta-data/public-ipv4", public[0])
	}
}

// hostname is an instance's private name by its address. EC2 User Guide, "Amazon EC2 instance hostname types".
func hostname(region, address string) string {
	if region == "us-east-1" {
		return "ip-" + strings.ReplaceAll(address, ".", "-") + ".ec2.internal"
	}
	return "ip-" + strings.ReplaceAll(address, ".", "-") + "." + region + ".compute.internal"
}

func join[T interface{ netip.Addr | netip.Prefix }](list []T) string {
	lines := make([]string, len(list))
	for i, v := range list {
		lines[i] = fmt.Sprint(v)
	}
	return strings.Join(lines, "\n")
}

// identity is the instance identity document.
func identity(a *account.Account, i *vpc.Instance) string {
	address := ""
	if len(i.Interfaces) > 0 {
		if n, ok := a.Interface(i.Interfaces[0]); ok {
			address = n.PrimaryAddress().String()
		}
	}
	return text(map[string]any{
		"accountId": a.ID, "architecture": i.Architecture, "availabilityZone": i.Zone, "imageId": i.Image, "instanceId": i.ID,
		"instanceType": i.Type, "pendingTime": i.Launched.UTC().Format(time.RFC3339), "privateIp": address,
		"region":  a.Region,
		"version": "2017-09-30", "billingProducts": nil, "devpayProductCodes": nil, "marketplaceProductCodes": nil,
		"kernelId": nil, "ramdiskId": nil,
	})
}

// roleCredentials are the credentials of the instance's role, or why there are none.
func roleCredentials(a *account.Account, i *vpc.Instance, role *account.Role) string {
	now := a.Clock.Now()
	asked := iam.AssumeRequest{Role: a.IAMARN("role/" + i.Role), Actions: []string{"sts:AssumeRole"}}
	if err := iam.MayServiceAssume(a, "ec2.amazonaws.com", role, asked); err != nil {
		return text(map[string]any{
			"Code": "AssumeRoleUnauthorizedAccess", "LastUpdated": now.UTC().Format(time.RFC3339),
			"Message": "EC2 cannot assume the role " + i.Role +
				". Please see documentation at https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html.",
		})
	}
	session := current(a, i)
	if session == nil {
		session = a.NewRoleSession(i.Role, i.ID, roleLife)
	}
	return text(map[string]any{
		"Code": "Success", "LastUpdated": session.Issued.UTC().Format(time.RFC3339), "Type": "AWS-HMAC",
		"AccessKeyId":     session.AccessKey,
		"SecretAccessKey": session.Secret, "Token": session.Token, "Expiration": session.Expires.UTC().Format(time.RFC3339),
	})
}

// current is the newest session of the instance's role that is valid for some time yet, or nil.
func current(a *account.Account, i *vpc.Instance) *account.RoleSession {
	var found *account.RoleSession
	for _, key := range slices.Sorted(maps.Keys(a.Sessions)) {
		s := a.Sessions[key]
		if s.Role == i.Role && s.Name == i.ID && a.Clock.Now().Add(roleReserve).Before(s.Expires) &&
			(found == nil || s.Expires.After(found.Expires)) {
			found = s
		}
	}
	return found
}

func text(v map[string]any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // strings and nulls always marshal
	}
	return string(b)
}

func answer(w http.ResponseWriter, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write([]byte(body)) // a caller that went away needs no answer
}
