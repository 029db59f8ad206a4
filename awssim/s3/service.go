// Package s3 is the little of S3 that load balancers need: objects are put into buckets, read and deleted. Buckets are
// made by the account's description or its folder, and have neither versions nor policies. It imports awssim/account,
// awssim/apierr, awssim/call and awssim/gate.
package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/k8s-lbc/lbc/awssim/account"
	buckets "github.com/k8s-lbc/lbc/awssim/account/s3"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

const (
	maxKey    = 1024    // bytes of a key
	maxObject = 5 << 30 // bytes of an object that one call puts
)

// Service answers the actions on objects.
type Service struct {
	account *account.Account
	entry   call.Entry
}

// New is the service over an account; a nil gate lets every call pass.
func New(a *account.Account, g *gate.Gate) *Service {
	return &Service{account: a, entry: call.Entry{Service: "s3", Account: a, Gate: g}}
}

// check refuses keys that are too long, and buckets that do not exist.
func (s *Service) check(bucket, key *string) error {
	switch {
	case aws.ToString(key) == "":
		return apierr.New("InvalidRequest", "A key must be specified.")
	case len(*key) > maxKey:
		return apierr.New("KeyTooLongError", "Your key is too long")
	case !s.account.Buckets.Exists(aws.ToString(bucket)):
		return apierr.WithStatus(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
	}
	return nil
}

// object is the content of an object.
func (s *Service) object(bucket, key *string) ([]byte, error) {
	if err := s.check(bucket, key); err != nil {
		return nil, err
	}
	content, err := s.account.Buckets.Object(*bucket, *key, maxObject)
	if errors.Is(err, buckets.ErrNoObject) {
		return nil, apierr.WithStatus(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	}
	return content, err
}

// PutObject writes an object over the one of that key.
func (s *Service) PutObject(ctx context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (
	*s3.PutObjectOutput, error) {
	return call.Write(ctx, s.entry, "PutObject", in, func(in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
		if err := s.check(in.Bucket, in.Key); err != nil {
			return nil, err
		}
		var content []byte
		if in.Body != nil {
			var err error
			if content, err = io.ReadAll(in.Body); err != nil {
				return nil, apierr.New("IncompleteBody", "You did not provide the number of bytes specified by the "+
					"Content-Length HTTP header")
			}
		}
		if err := s.account.Buckets.Put(*in.Bucket, *in.Key, content); err != nil {
			return nil, apierr.New("InvalidArgument", "%v", err)
		}
		return &s3.PutObjectOutput{ETag: etag(content)}, nil
	})
}

// GetObject reads an object.
func (s *Service) GetObject(ctx context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (
	*s3.GetObjectOutput, error) {
	return call.Read(ctx, s.entry, "GetObject", in, func(in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
		content, err := s.object(in.Bucket, in.Key)
		if err != nil {
			return nil, err
		}
		return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(content)),
			ContentLength: aws.Int64(int64(len(content))), ETag: etag(content)}, nil
	})
}

// HeadObject is what GetObject answers without the content.
func (s *Service) HeadObject(ctx context.Context, in *s3.HeadObjectInput, _ ...func(*s3.Options)) (
	*s3.HeadObjectOutput, error) {
	return call.Read(ctx, s.entry, "HeadObject", in, func(in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
		content, err := s.object(in.Bucket, in.Key)
		if err != nil {
			return nil, err
		}
		return &s3.HeadObjectOutput{ContentLength: aws.Int64(int64(len(content))), ETag: etag(content)}, nil
	})
}

// DeleteObject deletes an object; one that does not exist is no error.
func (s *Service) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput, _ ...func(*s3.Options)) (
	*s3.DeleteObjectOutput, error) {
	return call.Write(ctx, s.entry, "DeleteObject", in, func(in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
		if err := s.check(in.Bucket, in.Key); err != nil {
			return nil, err
		}
		if err := s.account.Buckets.Delete(*in.Bucket, *in.Key); err != nil {
			return nil, apierr.New("InvalidArgument", "%v", err)
		}
		return &s3.DeleteObjectOutput{}, nil
	})
}

// etag is the tag of an object that was put by one call.
func etag(content []byte) *string {
	sum := md5.Sum(content)
	return aws.String(`"` + hex.EncodeToString(sum[:]) + `"`)
}
