# SPDX-License-Identifier: Apache-2.0
#
# Building Debian's source packages with musl-gcc. $prefix: an absolute path, where
# headers and libraries are.

# Those that are sought, as apt names them. A mirror may lack a file of one.
releases() {
	local codename
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	echo "$codename-security" "$codename" stable
}

# apt's lists of sources, apart from the system's.
fetch_lists() {
	local apt=$prefix/apt release place
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	for release in $(releases); do
		place=debian
		[[ $release != *-security ]] || place=debian-security
		echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
			"http://deb.debian.org/$place $release main"
	done >"$apt/sources.list"
	cat >"$apt/apt.conf" <<-END
	Dir::Etc::sourcelist "$apt/sources.list";
	Dir::Etc::sourceparts "-";
	Dir::State::lists "$apt/lists";
	Dir::Cache "$apt/cache";
	APT::Sandbox::User "";
	END
	export APT_CONFIG=$apt/apt.conf
	[[ $apt/updated -nt $apt/sources.list ]] || apt-get -qq update
	touch "$apt/updated"
}

# fetch NAME: to the current directory, unpacked.
fetch() {
	local release
	[[ ${APT_CONFIG-} == "$prefix/apt/apt.conf" ]] || fetch_lists
	for release in $(releases); do
		! apt-get -qq --only-source source "$1/$release" || return 0
	done
	return 1
}

# archive NAME OPTION... FILE...: compiles the files into PREFIX/lib/libNAME.a.
archive() {
	local name=$1
	shift
	musl-gcc -O2 -fPIC -c "$@"
	ar rcs "$prefix/lib/lib$name.a" ./*.o
}

# build NAME: unless it has been: fetches it, and calls the function of that name in
# its folder. What it says is in PREFIX/NAME.log.
build() {
	local done=$prefix/done/$1 log=$prefix/$1.log
	[[ ! -e $done ]] || return 0
	echo "  MUSL  $1"
	rm -rf "$prefix/source/$1"
	mkdir -p "$prefix/source/$1" "$prefix/done"
	set +e
	(set -e; cd "$prefix/source/$1"; fetch "$1"; cd ./*/; "$1") >"$log" 2>&1
	if [[ $? != 0 ]]; then
		tail -20 "$log" >&2
		exit 1
	fi
	set -e
	date >"$done"
}

export CC=musl-gcc
kernel_headers="-idirafter $prefix/include/kernel"
