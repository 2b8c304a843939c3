;; The checksum: a part of the module of sums.wat, which includes it.

;; The checksum of sum-kernels.ts, of $length bytes from $from on that lie at $position; $keys is
;; the address of the keys. Products of pairs of 16-bit numbers are summed by one instruction.
(func (export "checksum")
  (param $from i32) (param $length i32) (param $position f64) (param $keys i32)
  (result i32 i32 i32)
  (local $at i64) (local $key i32) (local $taken i32) (local $stop i32) (local $half i32)
  (local $values v128) (local $c0 i32) (local $c1 i32) (local $c2 i32)
  (local $s0 i32) (local $s1 i32) (local $s2 i32)
  (local $v0 v128) (local $v1 v128) (local $v2 v128)
  (local.set $at (i64.trunc_f64_u (local.get $position)))
  (block $done
    (loop $block
      (br_if $done (i32.eqz (local.get $length)))
      (local.set $key (i32.and (i32.wrap_i64 (local.get $at)) (i32.const 4095)))
      (local.set $taken (i32.sub (i32.const 4096) (local.get $key)))
      (if (i32.lt_u (local.get $length) (local.get $taken))
        (then (local.set $taken (local.get $length))))
      (local.set $stop (i32.add (local.get $from) (local.get $taken)))
      (local.set $key (i32.add (local.get $keys) (local.get $key)))
      ;;@ each c: 0, 1, 2
      (local.set $s{c} (i32.const 0))
      (local.set $v{c} (v128.const i32x4 0 0 0 0))
      ;;@ end
      (block $last
        (loop $next
          (br_if $last (i32.eq (local.get $from) (local.get $stop)))
          (if
            (i32.and
              (i32.eqz (i32.and (local.get $key) (i32.const 1)))
              (i32.gt_u (i32.sub (local.get $stop) (local.get $from)) (i32.const 15)))
            (then
              (loop $vector
                (local.set $values (v128.load align=1 (local.get $from)))
                ;;@ each c at: 0 0, 1 4096, 2 8192
                (local.set $v{c}
                  (i32x4.add
                    (local.get $v{c})
                    (i32x4.dot_i16x8_s
                      (local.get $values)
                      (v128.load offset={at} align=1 (local.get $key)))))
                ;;@ end
                (local.set $from (i32.add (local.get $from) (i32.const 16)))
                (local.set $key (i32.add (local.get $key) (i32.const 16)))
                (br_if $vector
                  (i32.gt_u (i32.sub (local.get $stop) (local.get $from)) (i32.const 15))))
              (br $next)))
          ;; One byte: the low or the high one of a 16-bit number.
          (local.set $half
            (if (result i32) (i32.and (local.get $key) (i32.const 1))
              (then (i32.shl (i32.load8_s (local.get $from)) (i32.const 8)))
              (else (i32.load8_u (local.get $from)))))
          ;;@ each c at: 0 0, 1 4096, 2 8192
          (local.set $s{c}
            (i32.add
              (local.get $s{c})
              (i32.mul
                (local.get $half)
                (i32.load16_s offset={at} (i32.and (local.get $key) (i32.const -2))))))
          ;;@ end
          (local.set $from (i32.add (local.get $from) (i32.const 1)))
          (local.set $key (i32.add (local.get $key) (i32.const 1)))
          (br $next)))
      ;;@ each c: 0, 1, 2
      (local.set $c{c}
        (i32.add
          (local.get $c{c})
          (i32.mul
            (i32.or
              (i32.wrap_i64
                (call $splitmix
                  (i64.add
                    (i64.mul (i64.shr_u (local.get $at) (i64.const 12)) (i64.const 3))
                    (i64.const {c}))))
              (i32.const 1))
            (i32.add
              (local.get $s{c})
              (i32.add
                (i32.add
                  (i32x4.extract_lane 0 (local.get $v{c}))
                  (i32x4.extract_lane 1 (local.get $v{c})))
                (i32.add
                  (i32x4.extract_lane 2 (local.get $v{c}))
                  (i32x4.extract_lane 3 (local.get $v{c}))))))))
      ;;@ end
      (local.set $at (i64.add (local.get $at) (i64.extend_i32_u (local.get $taken))))
      (local.set $length (i32.sub (local.get $length) (local.get $taken)))
      (br $block)))
  (local.get $c0)
  (local.get $c1)
  (local.get $c2))

;; Output $n of splitmix64 from 0.
(func $splitmix (param $n i64) (result i64)
  (local.set $n
    (i64.mul (i64.add (local.get $n) (i64.const 1)) (i64.const 0x9e3779b97f4a7c15)))
  ;;@ each shift factor: 30 0xbf58476d1ce4e5b9, 27 0x94d049bb133111eb
  (local.set $n
    (i64.mul
      (i64.xor (local.get $n) (i64.shr_u (local.get $n) (i64.const {shift})))
      (i64.const {factor})))
  ;;@ end
  (i64.xor (local.get $n) (i64.shr_u (local.get $n) (i64.const 31))))
