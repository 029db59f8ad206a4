package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLicencesAreKnownByTheirWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"                                 Apache License\n                           Version 2.0, January 2004": "Apache-2.0",
		"Redistribution and use in source and binary forms, with or without\nmodification, are permitted":       "BSD",
		"Permission is hereby granted, free of charge, to any person obtaining\na copy of this software":        "MIT",
		"Permission to use, copy, modify, and distribute this software for any\npurpose with or without fee":    "ISC",
		"GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007":                                                   "",
		"Copyright 2011-2016 Canonical Ltd.":                                                                    "",
	} {
		if got := kind(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestTheNoticesAreCurrent also holds that every module has a permissive licence.
func TestTheNoticesAreCurrent(t *testing.T) {
	t.Chdir("../..")
	got, err := notices([]string{"./cmd/controller", "./cmd/lbc"})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("THIRD_PARTY_NOTICES")
	if err != nil || string(file) != got {
		t.Errorf("THIRD_PARTY_NOTICES is not current (%v): run make generate and commit", err)
	}
	for _, want := range []string{"\nk8s.io/client-go v", "\ngithub.com/aws/aws-sdk-go-v2/service/ec2 v",
		"\ngolang.org/x/crypto/x509roots/fallback v", "certdata.txt of Network Security Services",
		"Mozilla Public License Version 2.0\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q", want)
		}
	}
}

func TestFilesAroundALinkedPackageCountAndOthersDoNot(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for path, text := range map[string]string{
		"LICENSE": "of all", "a/NOTICE.txt": "of a", "a/b/copying.md": "of b", "c/LICENSE": "of c",
		"a/license.go": "package a",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := pkg{Dir: filepath.Join(root, "a", "b")}
	p.Module = &struct {
		Path, Version, Dir string
		Main               bool
	}{Dir: root}
	got, err := texts(p)
	if err != nil || len(got) != 3 || got["LICENSE"] != "of all" || got["a/NOTICE.txt"] != "of a" ||
		got["a/b/copying.md"] != "of b" {
		t.Errorf("%v, %v", got, err)
	}
}
