package iam

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// objectMappings are those of S3's actions on objects. Service Authorization Reference, "Actions, resources, and
// condition keys for Amazon S3".
var objectMappings = map[string]mapping{
	"PutObject": on(func(a *account.Account, in *s3.PutObjectInput) []check { return object(a, "", in.Bucket, in.Key) }),
	"GetObject": on(func(a *account.Account, in *s3.GetObjectInput) []check { return object(a, "", in.Bucket, in.Key) }),
	"HeadObject": on(func(a *account.Account, in *s3.HeadObjectInput) []check {
		return object(a, "s3:GetObject", in.Bucket, in.Key)
	}),
	"DeleteObject": on(func(a *account.Account, in *s3.DeleteObjectInput) []check {
		return object(a, "", in.Bucket, in.Key)
	}),
}

// object is an action on an object, whose ARN has neither region nor account.
func object(a *account.Account, action string, bucket, key *string) []check {
	return []check{{action: action, resource: "arn:" + a.Partition + ":s3:::" + aws.ToString(bucket) + "/" +
		aws.ToString(key)}}
}
