package elbv2

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/s3"
)

// ca is a certificate authority of a test.
type ca struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte
}

// testAuthority is an authority for tests that need any.
var testAuthority, testRevocations = func() (func(*testing.T) ca, func(*testing.T) []byte) {
	var once sync.Once
	var authority ca
	var list []byte
	issue := func(t *testing.T) {
		once.Do(func() {
			authority = newCA(t)
			list = authority.revokes(t, 1, 2)
		})
	}
	return func(t *testing.T) ca {
		t.Helper()
		issue(t)
		return authority
	}, func(t *testing.T) []byte { t.Helper(); issue(t); return list }
}()

func newCA(t *testing.T, change ...func(*x509.Certificate)) ca {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "test"},
		NotAfter: time.Now().Add(time.Hour),
		IsCA:     true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign | x509.KeyUsageCertSign}
	for _, f := range change {
		f(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return ca{key, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// revokes is a revocation list of those serial numbers.
func (c ca) revokes(t *testing.T, numbers ...int64) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), NextUpdate: time.Now().Add(time.Hour)}
	for _, n := range numbers {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: big.NewInt(n), RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, c.cert, c.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

func (f *fixture) upload(key string, content []byte) {
	f.t.Helper()
	f.ok(f.account.Buckets.Put("pki", key, content))
}

func (f *fixture) store(name, key string) (types.TrustStore, error) {
	out, err := f.CreateTrustStore(f.ctx, &elb.CreateTrustStoreInput{Name: aws.String(name),
		CaCertificatesBundleS3Bucket: aws.String("pki"), CaCertificatesBundleS3Key: aws.String(key)})
	if err != nil {
		return types.TrustStore{}, err
	}
	return out.TrustStores[0], nil
}

// trusting is a trust store with one authority.
func (f *fixture) trusting(name string) *string {
	f.t.Helper()
	f.upload("ca.pem", newCA(f.t).pem)
	made, err := f.store(name, "ca.pem")
	f.ok(err)
	return made.TrustStoreArn
}

func (f *fixture) verifying(l types.Listener, store *string) error {
	_, err := f.ModifyListener(f.ctx, &elb.ModifyListenerInput{ListenerArn: l.ListenerArn,
		MutualAuthentication: &types.MutualAuthenticationAttributes{Mode: aws.String("verify"), TrustStoreArn: store}})
	return err
}

func TestATrustStoreIsMadeOfTheCertificatesOfABucket(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	one, two := newCA(t), newCA(t)
	f.upload("both.pem", append(append([]byte("the first:\n"), one.pem...), two.pem...))
	f.upload("one.pem", one.pem)
	made, err := f.store("clients", "both.pem")
	f.ok(err)
	if made.Status != "CREATING" || *made.NumberOfCaCertificates != 2 || *made.TotalRevokedEntries != 0 {
		t.Errorf("created %v", made)
	}
	l := f.listen(f.alb(), "HTTPS", 443, respond("200"))
	f.refused(f.verifying(l, made.TrustStoreArn), "TrustStoreNotReady", *made.TrustStoreArn)
	f.clock.Advance(time.Minute)
	f.ok(f.verifying(l, made.TrustStoreArn))
	changed, err := f.ModifyTrustStore(f.ctx, &elb.ModifyTrustStoreInput{TrustStoreArn: made.TrustStoreArn,
		CaCertificatesBundleS3Bucket: aws.String("pki"), CaCertificatesBundleS3Key: aws.String("one.pem")})
	f.ok(err)
	if c := changed.TrustStores[0]; c.Status != "ACTIVE" || *c.NumberOfCaCertificates != 1 {
		t.Errorf("modified %v", c)
	}
	bundle, err := f.GetTrustStoreCaCertificatesBundle(f.ctx, &elb.GetTrustStoreCaCertificatesBundleInput{
		TrustStoreArn: made.TrustStoreArn})
	f.ok(err)
	if want := "/_sim/truststores/clients/" + arnID(*made.TrustStoreArn) + "/bundle.pem"; *bundle.Location != want {
		t.Errorf("location %s, want %s", *bundle.Location, want)
	}
	if content, ok := f.TrustStoreBundle("clients/" + arnID(*made.TrustStoreArn)); !ok || !bytes.Equal(content, one.pem) {
		t.Errorf("bundle %q", content)
	}
	uses, err := f.DescribeTrustStoreAssociations(f.ctx, &elb.DescribeTrustStoreAssociationsInput{
		TrustStoreArn: made.TrustStoreArn})
	f.ok(err)
	if len(uses.TrustStoreAssociations) != 1 || *uses.TrustStoreAssociations[0].ResourceArn != *l.LoadBalancerArn {
		t.Errorf("associations %v", uses.TrustStoreAssociations)
	}
	_, err = f.DeleteTrustStore(f.ctx, &elb.DeleteTrustStoreInput{TrustStoreArn: made.TrustStoreArn})
	f.refused(err, "TrustStoreInUse", *l.ListenerArn)
	_, err = f.DeleteListener(f.ctx, &elb.DeleteListenerInput{ListenerArn: l.ListenerArn})
	f.ok(err)
	_, err = f.DeleteTrustStore(f.ctx, &elb.DeleteTrustStoreInput{TrustStoreArn: made.TrustStoreArn})
	f.ok(err)
	_, err = f.DeleteTrustStore(f.ctx, &elb.DeleteTrustStoreInput{TrustStoreArn: made.TrustStoreArn})
	f.refused(err, "TrustStoreNotFound", *made.TrustStoreArn)
}

func arnID(arn string) string { return filepath.Base(arn) }

func TestBundlesOfTrustStoresAreFilesOfAFolder(t *testing.T) {
	t.Parallel()
	f := instant(t)
	dir := t.TempDir()
	f.account.Buckets = s3.Buckets{Directory: dir}
	f.ok(os.MkdirAll(filepath.Join(dir, "pki", "eu"), 0o755))
	f.ok(os.WriteFile(filepath.Join(dir, "pki", "eu", "ca.pem"), newCA(t).pem, 0o600))
	f.ok(os.WriteFile(filepath.Join(dir, "secret.pem"), newCA(t).pem, 0o600))
	_, err := f.store("clients", "eu/ca.pem")
	f.ok(err)
	for _, key := range []string{"../secret.pem", "/secret.pem", "eu", "", "eu/../../secret.pem"} {
		_, err := f.store("others", key)
		f.refused(err, "CaCertificatesBundleNotFound", "pki")
	}
	lb := f.alb()
	logs := func(bucket string) error {
		_, err := f.ModifyLoadBalancerAttributes(f.ctx, &elb.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: lb.LoadBalancerArn, Attributes: []types.LoadBalancerAttribute{
				{Key: aws.String("access_logs.s3.enabled"), Value: aws.String("true")}, {Key: aws.String("access_logs.s3.bucket"),
					Value: aws.String(bucket)},
				{Key: aws.String("access_logs.s3.prefix"), Value: aws.String("web")}}})
		return err
	}
	f.refused(logs("none"), "InvalidConfigurationRequest",
		"Access Denied for bucket: none. Please check S3bucket permission")
	f.refused(logs(".."), "InvalidConfigurationRequest", "Access Denied")
	f.ok(logs("pki"))
	if _, err := os.Stat(filepath.Join(dir, "pki", "web", "AWSLogs", "123456789012", "ELBAccessLogTestFile")); err != nil {
		t.Errorf("no test object was written: %v", err)
	}
}

func TestTrustStoreCallsRefuseWhatAWSRefuses(t *testing.T) {
	t.Parallel()
	f := instant(t)
	good := newCA(t)
	_, private, err := ed25519.GenerateKey(rand.Reader)
	f.ok(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	odd, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	f.ok(err)
	f.upload("good", good.pem)
	f.upload("text", []byte("hello"))
	f.upload("empty", nil)
	f.upload("truncated", good.pem[:len(good.pem)/2])
	f.upload("leaf", newCA(t, func(c *x509.Certificate) { c.IsCA = false }).pem)
	f.upload("odd key", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: odd}))
	f.upload("garbage", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))
	f.upload("key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))
	f.upload("many", bytes.Repeat(good.pem, 26))
	f.upload("large", make([]byte, maxBundle+1))
	f.upload("crl", good.revokes(t, 1, 2))
	arn := f.trusting("first")
	for key, want := range map[string][2]string{
		"none": {"CaCertificatesBundleNotFound", "'none'"}, "text": {"InvalidCaCertificatesBundle", "PEM"},
		"empty":     {"InvalidCaCertificatesBundle", "PEM"},
		"truncated": {"InvalidCaCertificatesBundle", "PEM"}, "leaf": {"InvalidCaCertificatesBundle", "authority"},
		"odd key": {"InvalidCaCertificatesBundle", "key"},
		"garbage": {"InvalidCaCertificatesBundle", "read"}, "key": {"InvalidCaCertificatesBundle", "PEM"},
		"many":  {"InvalidCaCertificatesBundle", "'25'"},
		"large": {"InvalidCaCertificatesBundle", "longer"}, "crl": {"InvalidCaCertificatesBundle", "PEM"},
	} {
		_, err := f.store("second", key)
		f.refused(err, want[0], want[1])
		_, err = f.ModifyTrustStore(f.ctx, &elb.ModifyTrustStoreInput{TrustStoreArn: arn,
			CaCertificatesBundleS3Bucket: aws.String("pki"), CaCertificatesBundleS3Key: aws.String(key)})
		f.refused(err, want[0], want[1])
	}
	for _, name := range []string{"", "a_b", "-a", "a--b", "a-", fmt.Sprintf("%033d", 0)} {
		_, err := f.store(name, "good")
		f.refused(err, "ValidationError", "'name'")
	}
	_, err = f.store("first", "good")
	f.refused(err, "DuplicateTrustStoreName", "'first'")
	_, err = f.CreateTrustStore(f.ctx, &elb.CreateTrustStoreInput{Name: aws.String("v"),
		CaCertificatesBundleS3Bucket: aws.String("pki"), CaCertificatesBundleS3Key: aws.String("good"),
		CaCertificatesBundleS3ObjectVersion: aws.String("3")})
	f.refused(err, "CaCertificatesBundleNotFound", "good")
	_, err = f.CreateTrustStore(f.ctx, &elb.CreateTrustStoreInput{Name: aws.String("v")})
	f.refused(err, "ValidationError", "caCertificatesBundleS3Bucket")
	for i := range maxTrustStores - 1 {
		_, err := f.store(fmt.Sprint("t", i), "good")
		f.ok(err)
	}
	_, err = f.store("more", "good")
	f.refused(err, "TooManyTrustStores", "'20'")
	unknown := aws.String("arn:aws:elasticloadbalancing:us-west-2:123456789012:truststore/none/0123456789abcdef")
	_, err = f.DescribeTrustStoreAssociations(f.ctx, &elb.DescribeTrustStoreAssociationsInput{TrustStoreArn: unknown})
	f.refused(err, "TrustStoreNotFound", *unknown)
	_, err = f.GetTrustStoreCaCertificatesBundle(f.ctx, &elb.GetTrustStoreCaCertificatesBundleInput{
		TrustStoreArn: aws.String("x")})
	f.refused(err, "ValidationError", "'x' is not a valid trust store ARN")
}

func TestRevocationListsAreAddedDescribedAndRemoved(t *testing.T) {
	t.Parallel()
	f := instant(t)
	authority := newCA(t)
	f.upload("ca.pem", authority.pem)
	f.upload("a.crl", authority.revokes(t, 1, 2))
	f.upload("b.crl", authority.revokes(t, 3))
	f.upload("none", []byte("x"))
	made, err := f.store("clients", "ca.pem")
	f.ok(err)
	arn := made.TrustStoreArn
	add := func(keys ...string) ([]types.TrustStoreRevocation, error) {
		in := &elb.AddTrustStoreRevocationsInput{TrustStoreArn: arn}
		for _, k := range keys {
			in.RevocationContents = append(in.RevocationContents, types.RevocationContent{S3Bucket: aws.String("pki"),
				S3Key: aws.String(k), RevocationType: "CRL"})
		}
		out, err := f.AddTrustStoreRevocations(f.ctx, in)
		if err != nil {
			return nil, err
		}
		return out.TrustStoreRevocations, nil
	}
	added, err := add("a.crl", "b.crl")
	f.ok(err)
	if len(added) != 2 || *added[0].RevocationId != 1 || *added[0].NumberOfRevokedEntries != 2 ||
		*added[1].RevocationId != 2 {
		t.Errorf("added %v", added)
	}
	store := f.account.TrustStores[*arn]
	for number, want := range map[int64]bool{1: true, 2: true, 3: true, 4: false} {
		if got := store.Revokes(&x509.Certificate{RawIssuer: authority.cert.RawSubject,
			SerialNumber: big.NewInt(number)}); got != want {
			t.Errorf("certificate %d is revoked: %v", number, got)
		}
	}
	_, err = add("b.crl", "none")
	f.refused(err, "InvalidRevocationContent", "PEM")
	_, err = add("missing")
	f.refused(err, "RevocationContentNotFound", "'missing'")
	_, err = add()
	f.refused(err, "ValidationError", "revocationContents")
	many := make([]string, maxRevocationLists-1)
	for i := range many {
		many[i] = "b.crl"
	}
	_, err = add(many...)
	f.refused(err, "TooManyTrustStoreRevocationEntries", "'30'")
	_, err = f.RemoveTrustStoreRevocations(f.ctx, &elb.RemoveTrustStoreRevocationsInput{TrustStoreArn: arn,
		RevocationIds: []int64{1, 9}})
	f.refused(err, "RevocationIdNotFound", "'9'")
	_, err = f.RemoveTrustStoreRevocations(f.ctx, &elb.RemoveTrustStoreRevocationsInput{TrustStoreArn: arn,
		RevocationIds: []int64{2}})
	f.ok(err)
	_, err = f.GetTrustStoreRevocationContent(f.ctx, &elb.GetTrustStoreRevocationContentInput{TrustStoreArn: arn,
		RevocationId: aws.Int64(2)})
	f.refused(err, "RevocationIdNotFound", "'2'")
	where, err := f.GetTrustStoreRevocationContent(f.ctx, &elb.GetTrustStoreRevocationContentInput{TrustStoreArn: arn,
		RevocationId: aws.Int64(1)})
	f.ok(err)
	if filepath.Base(*where.Location) != "1.pem" {
		t.Errorf("location %s", *where.Location)
	}
	if content, ok := f.TrustStoreRevocation("clients/"+arnID(*arn), 1); !ok ||
		!bytes.Contains(content, []byte("X509 CRL")) {
		t.Errorf("content %q", content)
	}
	added, err = add("b.crl")
	f.ok(err)
	if *added[0].RevocationId != 3 {
		t.Errorf("a removed id is used again: %v", added)
	}
	var ids []int64
	in := &elb.DescribeTrustStoreRevocationsInput{TrustStoreArn: arn, PageSize: aws.Int32(1)}
	for {
		out, err := f.DescribeTrustStoreRevocations(f.ctx, in)
		f.ok(err)
		for _, r := range out.TrustStoreRevocations {
			ids = append(ids, *r.RevocationId)
		}
		if in.Marker = out.NextMarker; in.Marker == nil {
			break
		}
	}
	if fmt.Sprint(ids) != "[1 3]" {
		t.Errorf("described %v", ids)
	}
	found, err := f.DescribeTrustStores(f.ctx, &elb.DescribeTrustStoresInput{TrustStoreArns: []string{*arn}})
	f.ok(err)
	if *found.TrustStores[0].TotalRevokedEntries != 3 {
		t.Errorf("total %d", *found.TrustStores[0].TotalRevokedEntries)
	}
	_, err = f.DescribeTrustStoreRevocations(f.ctx, &elb.DescribeTrustStoreRevocationsInput{TrustStoreArn: arn,
		RevocationIds: []int64{2}})
	f.refused(err, "RevocationIdNotFound", "'2'")
	store.Revocations = append(store.Revocations, &account.Revocation{ID: 4, Entries: maxRevokedEntries})
	_, err = add("b.crl")
	f.refused(err, "TooManyTrustStoreRevocationEntries", "'500000'")
}

func TestSharedTrustStoresAreTakenFromOtherAccountsOnly(t *testing.T) {
	t.Parallel()
	f := instant(t)
	arn := f.trusting("clients")
	l := f.listen(f.alb(), "HTTPS", 443, respond("200"))
	f.ok(f.verifying(l, arn))
	theirs := "arn:aws:elasticloadbalancing:us-west-2:210987654321:loadbalancer/app/theirs/0123456789abcdef"
	f.account.TrustStores[*arn].Consumers = []string{theirs}
	end := func(resource string) error {
		_, err := f.DeleteSharedTrustStoreAssociation(f.ctx, &elb.DeleteSharedTrustStoreAssociationInput{TrustStoreArn: arn,
			ResourceArn: aws.String(resource)})
		return err
	}
	f.refused(end(*l.LoadBalancerArn), "DeleteAssociationSameAccount", *l.LoadBalancerArn)
	f.refused(end(unknownLoadBalancer), "AssociationNotFound", unknownLoadBalancer)
	f.ok(end(theirs))
	f.refused(end(theirs), "AssociationNotFound", theirs)
	_, err := f.GetResourcePolicy(f.ctx, &elb.GetResourcePolicyInput{ResourceArn: arn})
	f.refused(err, "ResourceNotFound", *arn)
	f.account.TrustStores[*arn].Policy = `{"Version":"2012-10-17"}`
	out, err := f.GetResourcePolicy(f.ctx, &elb.GetResourcePolicyInput{ResourceArn: arn})
	f.ok(err)
	if *out.Policy != `{"Version":"2012-10-17"}` {
		t.Errorf("policy %s", *out.Policy)
	}
}

func TestTwoListenersOfALoadBalancerMayVerifyClients(t *testing.T) {
	t.Parallel()
	f := instant(t)
	arn := f.trusting("clients")
	lb := f.alb()
	for port := range int32(2) {
		l := f.listen(lb, "HTTPS", 443+port, respond("200"))
		f.ok(f.verifying(l, arn))
		f.ok(f.verifying(l, arn))
	}
	third := f.listen(lb, "HTTPS", 445, respond("200"))
	f.refused(f.verifying(third, arn), "InvalidConfigurationRequest", "'2'")
	f.whole()
}
