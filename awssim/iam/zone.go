package iam

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// zoneMappings are Route 53's. Service Authorization Reference, "Actions, resources, and condition keys for Amazon
// Route 53".
var zoneMappings = map[string]mapping{
	"ChangeResourceRecordSets": on(func(a *account.Account, in *route53.ChangeResourceRecordSetsInput) []check {
		return []check{{resource: zoneARN(a, "hostedzone", in.HostedZoneId), keys: recordKeys(in.ChangeBatch)}}
	}),
	"GetChange": on(func(a *account.Account, in *route53.GetChangeInput) []check {
		return []check{{resource: zoneARN(a, "change", in.Id)}}
	}),
	"GetHostedZone": on(func(a *account.Account, in *route53.GetHostedZoneInput) []check {
		return []check{{resource: zoneARN(a, "hostedzone", in.Id)}}
	}),
	"DeleteHostedZone": on(func(a *account.Account, in *route53.DeleteHostedZoneInput) []check {
		return []check{{resource: zoneARN(a, "hostedzone", in.Id)}}
	}),
	"UpdateHostedZoneComment": on(func(a *account.Account, in *route53.UpdateHostedZoneCommentInput) []check {
		return []check{{resource: zoneARN(a, "hostedzone", in.Id)}}
	}),
	"AssociateVPCWithHostedZone": on(func(a *account.Account, in *route53.AssociateVPCWithHostedZoneInput) []check {
		return []check{{resource: zoneARN(a, "hostedzone", in.HostedZoneId)}}
	}),
	"DisassociateVPCFromHostedZone": on(func(a *account.Account, in *route53.DisassociateVPCFromHostedZoneInput) []check {
		return []check{{resource: zoneARN(a, "hostedzone", in.HostedZoneId)}}
	}),
	"ListResourceRecordSets": on(func(a *account.Account, in *route53.ListResourceRecordSetsInput) []check {
		return []check{{resource: zoneARN(a, "hostedzone", in.HostedZoneId)}}
	}),
	"ListTagsForResource": on(func(a *account.Account, in *route53.ListTagsForResourceInput) []check {
		return []check{{resource: zoneARN(a, string(in.ResourceType), in.ResourceId)}}
	}),
	"ChangeTagsForResource": on(func(a *account.Account, in *route53.ChangeTagsForResourceInput) []check {
		return []check{{resource: zoneARN(a, string(in.ResourceType), in.ResourceId)}}
	}),
}

// zoneARN is the ARN of a resource of Route 53, which has neither region nor account; ids may have their kind before
// them.
func zoneARN(a *account.Account, kind string, id *string) string {
	name := aws.ToString(id)
	return fmt.Sprintf("arn:%s:route53:::%s/%s", a.Partition, kind, name[strings.LastIndexByte(name, '/')+1:])
}

// recordKeys are the names, types and actions of a batch, each once. Names are in lower case without the dot at the
// end, and what is no letter, digit, dash, dot or underscore is an octal escape.
func recordKeys(batch *types.ChangeBatch) policy.Context {
	keys := policy.Context{}
	if batch == nil {
		return keys
	}
	var names, kinds, actions []string
	for _, c := range batch.Changes {
		actions = append(actions, string(c.Action))
		if c.ResourceRecordSet != nil {
			names = append(names, normalised(aws.ToString(c.ResourceRecordSet.Name)))
			kinds = append(kinds, string(c.ResourceRecordSet.Type))
		}
	}
	for key, values := range map[string][]string{
		"route53:ChangeResourceRecordSetsNormalizedRecordNames": names,
		"route53:ChangeResourceRecordSetsRecordTypes":           kinds,
		"route53:ChangeResourceRecordSetsActions":               actions,
	} {
		slices.Sort(values)
		keys.Set(key, slices.Compact(values)...)
	}
	return keys
}

func normalised(name string) string {
	var b strings.Builder
	for _, c := range []byte(strings.ToLower(strings.TrimSuffix(name, "."))) {
		if c == '\\' || c == '.' || c == '-' || c == '_' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, `\%03o`, c)
	}
	return b.String()
}
