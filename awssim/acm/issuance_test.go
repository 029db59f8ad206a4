package acm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/hostedzone"
)

// request requests a certificate that is validated by DNS.
func (s *Service) request(t *testing.T, names ...string) *string {
	t.Helper()
	out, err := s.RequestCertificate(ctx, &acm.RequestCertificateInput{DomainName: aws.String(names[0]),
		SubjectAlternativeNames: names[1:], ValidationMethod: "DNS"})
	if err != nil {
		t.Fatal(err)
	}
	return out.CertificateArn
}

func (s *Service) detail(t *testing.T, arn *string) *types.CertificateDetail {
	t.Helper()
	out, err := s.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	return out.Certificate
}

// add puts a record set into the built-in zone example.com.
func add(a *account.Account, name, kind, value string) {
	a.Lock()
	defer a.Unlock()
	z := a.HostedZones["Z0A1DE00000001"]
	a.SetRecords(z, append(slices.Clone(z.Records()), &hostedzone.RecordSet{Name: name, Type: kind, TTL: 60,
		Values: []string{value}}), "")
}

func (s *Service) prove(name string) {
	record, value := s.account.ValidationRecord(name)
	add(s.account, record, "CNAME", value)
}

func TestOnlyDNSIssuesCertificates(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name   string
		names  []string
		do     func(*Service)
		after  time.Duration
		want   types.CertificateStatus
		reason types.FailureReason
	}{
		{"no record", []string{"a.example.com"}, func(*Service) {}, 71 * time.Hour, types.CertificateStatusPendingValidation,
			""},
		{"no record in time", []string{"a.example.com"}, func(*Service) {}, 3 * day,
			types.CertificateStatusValidationTimedOut, ""},
		{"record", []string{"a.example.com"}, func(s *Service) { s.prove("a.example.com") }, time.Hour,
			types.CertificateStatusIssued, ""},
		{"a wildcard's record is its apex's", []string{"*.a.example.com", "a.example.com"},
			func(s *Service) { s.prove("a.example.com") }, time.Hour, types.CertificateStatusIssued, ""},
		{"one of two", []string{"a.example.com", "b.example.com"}, func(s *Service) { s.prove("a.example.com") }, time.Hour,
			types.CertificateStatusPendingValidation, ""},
		{"wrong value", []string{"a.example.com"}, func(s *Service) {
			record, _ := s.account.ValidationRecord("a.example.com")
			add(s.account, record, "CNAME", "elsewhere.")
		}, time.Hour, types.CertificateStatusPendingValidation, ""},
		{"private zone", []string{"a.example.com"}, func(s *Service) {
			s.account.HostedZones["Z0A1DE00000001"].Private = true
			s.prove("a.example.com")
		}, time.Hour, types.CertificateStatusPendingValidation, ""},
		{"forbidden by CAA", []string{"a.example.com"}, func(s *Service) {
			add(s.account, "example.com.", "CAA", `0 issue "other.example"`)
			s.prove("a.example.com")
		}, time.Hour, types.CertificateStatusFailed, types.FailureReasonCaaError},
		{"permitted by CAA", []string{"a.example.com"}, func(s *Service) {
			add(s.account, "example.com.", "CAA", `0 issue "amazontrust.com"`)
			s.prove("a.example.com")
		}, time.Hour, types.CertificateStatusIssued, ""},
		{"wildcard forbidden by CAA", []string{"*.example.com"}, func(s *Service) {
			add(s.account, "example.com.", "CAA", `0 issuewild ";"`)
			s.prove("example.com")
		}, time.Hour, types.CertificateStatusFailed, types.FailureReasonCaaError},
		{"stuck", []string{"a.example.com"}, func(s *Service) {
			s.account.Trouble.CertificatesStuck = true
			s.prove("a.example.com")
		}, time.Hour, types.CertificateStatusPendingValidation, ""},
		{"no public domain", []string{"a.internal"}, func(*Service) {}, 0, types.CertificateStatusFailed,
			types.FailureReasonInvalidPublicDomain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, c := newService(t)
			arn := s.request(t, tt.names...)
			tt.do(s)
			c.Advance(tt.after)
			if d := s.detail(t, arn); d.Status != tt.want || d.FailureReason != tt.reason {
				t.Errorf("%s %s, want %s %s", d.Status, d.FailureReason, tt.want, tt.reason)
			}
		})
	}
}

func TestARecordThatWasThereLongEnoughIssuesEvenIfItIsGone(t *testing.T) {
	t.Parallel()
	s, c := newService(t)
	arn := s.request(t, "a.example.com")
	s.prove("a.example.com")
	c.Advance(time.Hour)
	s.account.Lock()
	z := s.account.HostedZones["Z0A1DE00000001"]
	s.account.SetRecords(z, z.Records()[:2], "")
	s.account.Unlock()
	c.Advance(time.Hour)
	if d := s.detail(t, arn); d.Status != types.CertificateStatusIssued {
		t.Errorf("got %s", d.Status)
	}
}

func TestAPrivateAuthorityIssuesWithoutValidation(t *testing.T) {
	t.Parallel()
	s, c := newService(t)
	const authority = "arn:aws:acm-pca:us-west-2:123456789012:certificate-authority/1"
	in := &acm.RequestCertificateInput{DomainName: aws.String("a.internal"), CertificateAuthorityArn: aws.String(
		authority), ValidationMethod: "DNS"}
	out, err := s.RequestCertificate(ctx, in)
	wantCode(t, err, "")
	c.Advance(s.account.Profile.PrivateCertificateIssue)
	if d := s.detail(t, out.CertificateArn); d.Status != types.CertificateStatusIssued ||
		d.Type != types.CertificateTypePrivate || len(d.DomainValidationOptions) > 0 ||
		*d.CertificateAuthorityArn != authority {
		t.Errorf("got %+v", d)
	}
	_, err = s.RenewCertificate(ctx, &acm.RenewCertificateInput{CertificateArn: out.CertificateArn})
	wantCode(t, err, "")
	if d := s.detail(t, out.CertificateArn); d.RenewalSummary == nil {
		t.Error("no renewal is reported")
	}
	s.account.PrivateAuthorities = map[string]bool{}
	out, err = s.RequestCertificate(ctx, in)
	wantCode(t, err, "")
	if d := s.detail(t, out.CertificateArn); d.FailureReason != types.FailureReasonPcaResourceNotFound {
		t.Errorf("got %+v", d)
	}
	in.CertificateAuthorityArn = aws.String("nonsense")
	_, err = s.RequestCertificate(ctx, in)
	wantCode(t, err, "InvalidArnException")
}

func TestCertificatesInUseRenewThemselves(t *testing.T) {
	t.Parallel()
	s, c := newService(t)
	s.prove("a.example.com")
	used, unused := s.request(t, "a.example.com"), s.request(t, "*.a.example.com")
	c.Advance(time.Hour)
	listen(s.account, *used)
	c.Advance(account.CertificateLife)
	if d := s.detail(t, used); d.Status != types.CertificateStatusIssued || d.RenewalSummary == nil ||
		!d.NotAfter.After(c.Now()) {
		t.Errorf("in use: %+v", d)
	}
	if d := s.detail(t, unused); d.Status != types.CertificateStatusExpired {
		t.Errorf("not in use: %s", d.Status)
	}
}

func TestQuotasOfCertificates(t *testing.T) {
	t.Parallel()
	s, c := newService(t)
	if err := s.account.SetQuota("certificates-per-year", 1); err != nil {
		t.Fatal(err)
	}
	in := &acm.RequestCertificateInput{DomainName: aws.String("a.example.com"), ValidationMethod: "DNS"}
	s.request(t, "a.example.com")
	_, err := s.RequestCertificate(ctx, in)
	wantCode(t, err, "LimitExceededException")
	c.Advance(year)
	s.request(t, "a.example.com")
	if err := s.account.SetQuota("certificates", 5); err != nil {
		t.Fatal(err)
	}
	_, err = s.RequestCertificate(ctx, in)
	wantCode(t, err, "LimitExceededException")
}

func TestOptionsOfCertificatesAndMails(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	update := func(arn string, o *types.CertificateOptions) error {
		_, err := s.UpdateCertificateOptions(ctx, &acm.UpdateCertificateOptionsInput{CertificateArn: aws.String(arn),
			Options: o})
		return err
	}
	//nolint:staticcheck // ACM still takes it
	off := &types.CertificateOptions{CertificateTransparencyLoggingPreference: "DISABLED"}
	wantCode(t, update(wildcardARN, off), "")
	//nolint:staticcheck // as above
	if o := s.detail(t, aws.String(wildcardARN)).Options; o.CertificateTransparencyLoggingPreference != "DISABLED" {
		t.Errorf("got %+v", o)
	}
	wantCode(t, update(wildcardARN, nil), "ValidationException")
	wantCode(t, update(*s.request(t, "a.example.com"), off), "InvalidStateException")

	out, err := s.RequestCertificate(ctx, &acm.RequestCertificateInput{DomainName: aws.String("a.example.com")})
	wantCode(t, err, "")
	if o := s.detail(t, out.CertificateArn).DomainValidationOptions[0]; o.ValidationMethod !=
		types.ValidationMethodEmail || len(o.ValidationEmails) != 5 || o.ResourceRecord != nil {
		t.Errorf("got %+v", o)
	}
	send := func(arn *string, domain string) error {
		_, err := s.ResendValidationEmail(ctx, &acm.ResendValidationEmailInput{CertificateArn: arn,
			Domain: aws.String(domain), ValidationDomain: aws.String("example.com")})
		return err
	}
	wantCode(t, send(out.CertificateArn, "a.example.com"), "")
	wantCode(t, send(out.CertificateArn, "b.example.com"), "InvalidDomainValidationOptionsException")
	wantCode(t, send(s.request(t, "a.example.com"), "a.example.com"), "InvalidStateException")
	_, err = s.RenewCertificate(ctx, &acm.RenewCertificateInput{CertificateArn: aws.String(wildcardARN)})
	wantCode(t, err, "ValidationException")
}

// selfSigned makes a certificate and its key, in PEM.
func selfSigned(t *testing.T, curve elliptic.Curve, change func(*x509.Certificate)) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "self.example.org"}, DNSNames: []string{
			"self.example.org"},
		NotBefore: time.Unix(1_600_000_000, 0), NotAfter: time.Unix(1_900_000_000, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, crypto.Signer(private).Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

func TestRulesOfImportingCertificates(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	certificate, key := selfSigned(t, elliptic.P256(), nil)
	out, err := s.ImportCertificate(ctx, &acm.ImportCertificateInput{Certificate: certificate, PrivateKey: key})
	wantCode(t, err, "")
	for _, tt := range []struct {
		name   string
		curve  elliptic.Curve
		change func(*x509.Certificate)
		edit   func(*acm.ImportCertificateInput)
		code   string
	}{
		{"another key size", elliptic.P384(), nil, nil, "ValidationException"},
		{"less key usage", elliptic.P256(), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }, nil,
			"ValidationException"},
		{"less extended key usage", elliptic.P256(), func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] }, nil,
			"ValidationException"},
		{"no name", elliptic.P256(), func(c *x509.Certificate) { c.DNSNames, c.Subject = nil, pkix.Name{} }, nil,
			"ValidationException"},
		{"tags", elliptic.P256(), nil, func(in *acm.ImportCertificateInput) { in.Tags = []types.Tag{{Key: aws.String("a")}} },
			"ValidationException"},
		{"expired", elliptic.P256(), func(c *x509.Certificate) { c.NotAfter = time.Unix(1_650_000_000, 0) }, nil,
			"ValidationException"},
		{"not valid yet", elliptic.P256(), func(c *x509.Certificate) { c.NotBefore = time.Unix(1_800_000_000, 0) }, nil,
			"ValidationException"},
		{"two certificates", elliptic.P256(), nil, func(in *acm.ImportCertificateInput) {
			in.Certificate = append(slices.Clone(in.Certificate), in.Certificate...)
		}, "ValidationException"},
		{"itself as chain", elliptic.P256(), nil, func(in *acm.ImportCertificateInput) {
			in.CertificateChain = in.Certificate
		}, "ValidationException"},
		{"foreign chain", elliptic.P256(), nil, func(in *acm.ImportCertificateInput) { in.CertificateChain = certificate },
			"ValidationException"},
		{"no key", elliptic.P256(), nil, func(in *acm.ImportCertificateInput) { in.PrivateKey = nil }, "ValidationException"},
		{"other key", elliptic.P256(), nil, func(in *acm.ImportCertificateInput) { in.PrivateKey = key },
			"ValidationException"},
		{"unknown ARN", elliptic.P256(), nil, func(in *acm.ImportCertificateInput) {
			in.CertificateArn = aws.String(unknownARN)
		}, "ResourceNotFoundException"},
		{"more names and uses", elliptic.P256(), func(c *x509.Certificate) {
			c.DNSNames = append(c.DNSNames, "b.example.org")
			c.KeyUsage |= x509.KeyUsageDataEncipherment
		}, nil, ""},
	} {
		c, k := selfSigned(t, tt.curve, tt.change)
		in := &acm.ImportCertificateInput{Certificate: c, PrivateKey: k, CertificateArn: out.CertificateArn}
		if tt.edit != nil {
			tt.edit(in)
		}
		t.Run(tt.name, func(t *testing.T) { // one after the other: they replace the same certificate
			_, err := s.ImportCertificate(ctx, in)
			wantCode(t, err, tt.code)
		})
	}
	d := s.detail(t, out.CertificateArn)
	if d.Serial == nil || *d.Serial != "07" || len(d.KeyUsages) != 3 || len(d.ExtendedKeyUsages) != 2 ||
		*d.SignatureAlgorithm != "ECDSAWITHSHA256" {
		t.Errorf("got %+v", d)
	}
}
