package iam

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// certificateMappings are ACM's. Service Authorization Reference, "Actions, resources, and condition keys for AWS
// Certificate Manager".
var certificateMappings = map[string]mapping{
	"RequestCertificate": on(func(a *account.Account, in *acm.RequestCertificateInput) []check {
		keys := policy.Context{}
		keys.Set("acm:DomainNames", append([]string{aws.ToString(in.DomainName)}, in.SubjectAlternativeNames...)...)
		if in.ValidationMethod != "" {
			keys.Set("acm:ValidationMethod", string(in.ValidationMethod))
		}
		algorithm := in.KeyAlgorithm
		if algorithm == "" {
			algorithm = types.KeyAlgorithmRsa2048
		}
		keys.Set("acm:KeyAlgorithm", string(algorithm))
		return certified(a, "*", keys, in.Tags)
	}),
	"ImportCertificate": on(func(a *account.Account, in *acm.ImportCertificateInput) []check {
		arn := aws.ToString(in.CertificateArn)
		if arn == "" {
			arn = "*"
		}
		return certified(a, arn, policy.Context{}, in.Tags)
	}),
	"AddTagsToCertificate": on(func(_ *account.Account, in *acm.AddTagsToCertificateInput) []check {
		return []check{{resource: aws.ToString(in.CertificateArn), keys: requestTags(certificateTags(in.Tags))}}
	}),
	"RemoveTagsFromCertificate": on(func(_ *account.Account, in *acm.RemoveTagsFromCertificateInput) []check {
		return []check{{resource: aws.ToString(in.CertificateArn), keys: requestTags(certificateTags(in.Tags))}}
	}),
	"DescribeCertificate":      target(func(in *acm.DescribeCertificateInput) *string { return in.CertificateArn }),
	"GetCertificate":           target(func(in *acm.GetCertificateInput) *string { return in.CertificateArn }),
	"DeleteCertificate":        target(func(in *acm.DeleteCertificateInput) *string { return in.CertificateArn }),
	"ListTagsForCertificate":   target(func(in *acm.ListTagsForCertificateInput) *string { return in.CertificateArn }),
	"RenewCertificate":         target(func(in *acm.RenewCertificateInput) *string { return in.CertificateArn }),
	"ResendValidationEmail":    target(func(in *acm.ResendValidationEmailInput) *string { return in.CertificateArn }),
	"UpdateCertificateOptions": target(func(in *acm.UpdateCertificateOptionsInput) *string { return in.CertificateArn }),
	"ExportCertificate":        target(func(in *acm.ExportCertificateInput) *string { return in.CertificateArn }),
}

// certified is what making a certificate needs, and AddTagsToCertificate if it is tagged.
func certified(a *account.Account, arn string, keys policy.Context, given []types.Tag) []check {
	tags := certificateTags(given)
	addRequestTags(keys, tags)
	list := []check{{resource: arn, keys: keys}}
	if len(tags) > 0 {
		if arn == "*" {
			arn = fmt.Sprintf("arn:%s:acm:%s:%s:certificate/*", a.Partition, a.Region, a.ID)
		}
		list = append(list, check{action: "acm:AddTagsToCertificate", resource: arn, keys: requestTags(tags)})
	}
	return list
}

func certificateTags(tags []types.Tag) map[string]string {
	return tagMap(tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
}
